import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { nextDigest, noDigest } from "@synod/node";
import { stateFormat } from "@synod/state-machine";
import type { StateEntry } from "@synod/storage";
import {
  type Incoming,
  type OpenedSession,
  replicaService,
  type SnapshotPage,
  type SnapshotRequest,
} from "@synod/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exitCode } from "../src/failure.js";
import { runCommandLine } from "../src/program.js";
import { SnapshotFile } from "../src/snapshot/reader.js";
import { type Printed, takePrinted } from "./support/printed.js";

type Call = grpc.ServerWritableStream<SnapshotRequest, Incoming<SnapshotPage>>;

const slot = 9;
/** The first row says of which format the state is, and of which slot. */
const rows: readonly StateEntry[] = [
  [
    Buffer.from("a"),
    Buffer.concat([Buffer.of(stateFormat), number(slot), Buffer.alloc(56), Buffer.alloc(32)]),
  ],
  [Buffer.from("tkv\0one"), Buffer.from("1")],
  [Buffer.from("tkv\0two"), Buffer.from("2")],
  [Buffer.from("vkv"), Buffer.from("1")],
];

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A replica that has one row in each page of its state, and may misbehave. */
class Replica {
  readonly requests: SnapshotRequest[] = [];
  readonly server = new grpc.Server();
  address = "";
  state = rows;
  /** Sends pages; the default sends all that are asked for. */
  send = (call: Call): void => {
    this.pages(call);
    call.end();
  };
  /** What opening a session is answered. */
  session: OpenedSession | undefined = { clientId: `${slot}.0`, clusterId: "c" };

  async start(): Promise<this> {
    this.server.addService(replicaService as unknown as grpc.ServiceDefinition, {
      OpenSession: (_: unknown, callback: grpc.sendUnaryData<OpenedSession>) =>
        this.session
          ? callback(null, this.session)
          : callback({ code: grpc.status.UNAVAILABLE, details: "no majority of acceptors" }),
      Snapshot: (call: Call) => {
        this.requests.push(call.request);
        this.send(call);
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      this.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  /** @param most at most so many pages */
  pages(call: Call, most = Number.POSITIVE_INFINITY, damage = false): void {
    const { resume } = call.request;
    let digest = resume?.digest ?? noDigest;
    const from = this.state.findIndex(
      ([key]) => resume === undefined || Buffer.compare(key, resume.after) > 0,
    );
    for (const [index, row] of this.state.entries()) {
      if (index < from || index - from >= most) continue;
      digest = nextDigest(digest, [row]);
      const [key, value] = row;
      const sent: StateEntry = damage ? [key, Buffer.concat([value, Buffer.of(1)])] : row;
      const last = index === this.state.length - 1;
      call.write({
        snapshot: `${slot}-name`,
        slot,
        clusterId: "old",
        entries: [sent],
        digest,
        last,
        confirmed: 0,
      });
    }
  }
}

function broken(call: Call, code: grpc.status, details: string): void {
  call.emit("error", { code, details });
}

let directory: string;
let file: string;
let replicas: Replica[];
let printed: Printed;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-save-"));
  file = path.join(directory, "backup");
  replicas = await Promise.all([new Replica().start(), new Replica().start()]);
  printed = takePrinted();
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const { server } of replicas) server.forceShutdown();
  rmSync(directory, { recursive: true, force: true });
});

/** The exit code that a command line leaves; 0 when none. */
async function run(...args: string[]): Promise<number> {
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await runCommandLine(args);
    return Number(process.exitCode ?? 0);
  } finally {
    process.exitCode = before;
  }
}

const save = (...further: string[]) =>
  run("snapshot", "save", file, ...replicas.flatMap(({ address }) => ["--replica", address]), ...further);

async function saved(): Promise<StateEntry[]> {
  const source = await SnapshotFile.open(file);
  const found: StateEntry[] = [];
  for await (const page of source.pages()) found.push(...page);
  await source.close();
  return found.map(([key, value]) => [Buffer.from(key), Buffer.from(value)]);
}

describe("synod snapshot save", () => {
  it("has the state of one replica in the file, of no earlier slot than one decided after it began", async () => {
    expect(await save("--json")).toBe(0);
    expect(JSON.parse(printed.stdout)).toMatchObject({ cluster: "old", slot, keys: rows.length });
    expect(await saved()).toEqual(rows);
    expect(replicas[0]?.requests).toMatchObject([{ above: slot - 1 }]);
    expect(replicas[1]?.requests).toEqual([]);
    expect(readdirSync(directory)).toEqual(["backup"]);
  });

  it("goes on with the same snapshot, by its name, when the connection breaks half-way", async () => {
    const [first] = replicas as [Replica, Replica];
    first.send = (call) => {
      if (first.requests.length === 2) return broken(call, grpc.status.UNAVAILABLE, "not yet back");
      first.pages(call, 2);
      if (first.requests.length === 1) broken(call, grpc.status.UNAVAILABLE, "connection reset");
      else call.end();
    };
    expect(await save()).toBe(0);
    expect(first.requests.map(({ resume }) => resume?.snapshot)).toEqual([undefined, "9-name", "9-name"]);
    expect(Buffer.from(first.requests[2]?.resume?.after ?? "").toString()).toBe("tkv\0one");
    expect(await saved()).toEqual(rows);
    expect(printed.stderr).toContain("going on with the same snapshot");
  });

  it.each<[string, (replica: Replica) => Replica["send"]]>([
    [
      "does not keep the snapshot any more",
      (replica) => (call) => {
        if (call.request.resume !== undefined)
          return broken(call, grpc.status.NOT_FOUND, "not kept any more");
        replica.pages(call, 3);
        broken(call, grpc.status.UNAVAILABLE, "connection reset");
      },
    ],
    [
      "sends a page that changed on its way",
      (replica) => (call) => {
        replica.pages(call, rows.length, true);
        call.end();
      },
    ],
    [
      "takes no part any more",
      () => (call) => broken(call, grpc.status.FAILED_PRECONDITION, "diverged: at slot 4"),
    ],
    [
      "ends before its last page",
      (replica) => (call) => {
        replica.pages(call, 3);
        call.end();
      },
    ],
  ])("begins anew with another replica when one %s", async (_, misbehaviour) => {
    const [first, second] = replicas as [Replica, Replica];
    first.send = misbehaviour(first);
    expect(await save("--json")).toBe(0);
    expect(JSON.parse(printed.stdout)).toMatchObject({ address: second.address });
    expect(await saved()).toEqual(rows);
  });

  it("refuses the state of a replica that differs from the others", async () => {
    for (const replica of replicas) replica.state = [...rows, [Buffer.from("x"), Buffer.from("{}")]];
    expect(await save()).toBe(exitCode.failed);
    expect(printed.stderr).toContain("differs from the others");
    expect(readdirSync(directory)).toEqual([]);
  });

  it("takes what one has on its disk, and says so, when nothing can be decided", async () => {
    for (const replica of replicas) replica.session = undefined;
    expect(await save()).toBe(0);
    expect(replicas[0]?.requests).toMatchObject([{ above: 0 }]);
    expect(printed.stderr).toContain("may lack what others acknowledged");
  });

  it("leaves nothing when no replica answers, and names the reason for each", async () => {
    for (const { server } of replicas) server.forceShutdown();
    expect(await save()).toBe(exitCode.failed);
    for (const { address } of replicas) expect(printed.stderr).toContain(`  ${address}: connection refused`);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("leaves nothing when it is interrupted half-way", async () => {
    const [first] = replicas as [Replica, Replica];
    const known = process.listeners("SIGINT");
    first.send = (call) => {
      first.pages(call, 2);
      const ours = process.listeners("SIGINT").filter((listener) => !known.includes(listener));
      expect(readdirSync(directory)).toEqual(["backup.partial"]);
      for (const interrupt of ours) interrupt("SIGINT");
    };
    expect(await save()).toBe(exitCode.failed);
    expect(printed.stderr).toContain(`interrupted: ${file} was not written`);
    expect(readdirSync(directory)).toEqual([]);
    expect(process.listeners("SIGINT")).toEqual(known);
    expect(replicas[1]?.requests).toEqual([]);
  });

  it("replaces a file with --force only, and asks nobody without", async () => {
    expect(await save()).toBe(0);
    expect(await save()).toBe(exitCode.failed);
    expect(printed.stderr).toContain("exists already");
    expect(replicas[0]?.requests).toHaveLength(1);
    expect(await save("--force")).toBe(0);
    expect(await saved()).toEqual(rows);
  });

  it("says so at once where the disk does not take it", async () => {
    file = path.join(directory, "nowhere", "backup");
    expect(await save()).toBe(exitCode.failed);
    expect(printed.stderr).toMatch(/cannot write .*backup\.partial: no such file or directory \(ENOENT\)/);
    expect(existsSync(path.dirname(file))).toBe(false);
  });

  it.each([
    ["a named pipe", () => execFileSync("mkfifo", [file])],
    ["a directory", () => mkdirSync(file)],
    ["a symbolic link to nothing", () => symlinkSync("nothing", file)],
  ])("replaces no more than files, also with --force: not %s", async (what, make) => {
    make();
    expect(await save("--force")).toBe(1);
    expect(printed.stderr).toContain(`expected a file, or nothing yet, at ${file}, found ${what}`);
    expect(readdirSync(directory)).toEqual(["backup"]);
  });

  it("writes the file that a symbolic link means, and only with --force when it is there", async () => {
    mkdirSync(path.join(directory, "elsewhere"));
    writeFileSync(path.join(directory, "elsewhere", "mine"), "old");
    symlinkSync(path.join("elsewhere", "mine"), file);
    expect(await save()).toBe(1);
    expect(printed.stderr).toContain("exists already");
    expect(await save("--force")).toBe(0);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(await saved()).toEqual(rows);
    expect(readdirSync(path.join(directory, "elsewhere"))).toEqual(["mine"]);
  });
});

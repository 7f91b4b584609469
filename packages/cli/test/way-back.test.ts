// Rule 33 at the command line: every replica is asked before anything is decided or given up.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { noBallot } from "@synod/core";
import { nextDigest, noDigest } from "@synod/node";
import { stateFormat } from "@synod/state-machine";
import {
  clusterService,
  type DecideRemedyRequest,
  type HaltStatus,
  type HeldSlotAnswer,
  type HoldSlotRequest,
  replicaService,
  type SnapshotPage,
  type SnapshotRequest,
  type Status,
} from "@synod/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exitCode } from "../src/failure.js";
import { runCommandLine } from "../src/program.js";
import { SnapshotFile } from "../src/snapshot/reader.js";
import { type Printed, takePrinted } from "./support/printed.js";

const stuck: HaltStatus = { kind: "stuck", slot: 7, remedies: 0, command: 2 };
const problem = "stopped before slot 7: executing it ended the process, 2 times";

/** A replica that has stopped before slot 7, or goes on, and does what it is asked. */
class FakeReplica {
  readonly id: string;
  readonly server = new grpc.Server();
  readonly all: FakeReplica[];
  address = "";
  appliedSlot = 6;
  appliedRemedy = 0;
  halt: HaltStatus | undefined = stuck;
  readonly held: HoldSlotRequest[] = [];
  readonly decided: DecideRemedyRequest[] = [];
  readonly snapshots: SnapshotRequest[] = [];

  constructor(id: string, all: FakeReplica[]) {
    this.id = id;
    this.all = all;
  }

  async start(): Promise<void> {
    this.server.addService(clusterService as unknown as grpc.ServiceDefinition, {
      Status: (_: unknown, answer: grpc.sendUnaryData<Status>) => answer(null, this.#status()),
    });
    this.server.addService(replicaService as unknown as grpc.ServiceDefinition, {
      HoldSlot: (call: { request: HoldSlotRequest }, answer: grpc.sendUnaryData<HeldSlotAnswer>) => {
        const { appliedSlot, appliedRemedy } = this;
        const held = call.request.slot > appliedSlot;
        if (held) this.held.push(call.request);
        answer(null, { held, appliedSlot, appliedRemedy });
      },
      DecideRemedy: (
        call: { request: DecideRemedyRequest },
        answer: grpc.sendUnaryData<{ slot: number }>,
      ) => {
        this.decided.push(call.request);
        for (const replica of this.all)
          Object.assign(replica, { halt: undefined, appliedSlot: 9, appliedRemedy: 1 });
        answer(null, { slot: 9 });
      },
      Snapshot: (call: grpc.ServerWritableStream<SnapshotRequest, SnapshotPage>) => {
        this.snapshots.push(call.request);
        call.write(this.#page());
        call.end();
      },
    });
    this.address = await new Promise((resolve, reject) =>
      this.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(`127.0.0.1:${port}`),
      ),
    );
  }

  #page(): SnapshotPage {
    const slot = Buffer.alloc(8);
    slot.writeBigUInt64BE(BigInt(this.appliedSlot));
    const entries = [
      [Buffer.from("a"), Buffer.concat([Buffer.of(stateFormat), slot, Buffer.alloc(88)])],
      [Buffer.from("x"), Buffer.from("{}")],
    ] as const;
    const digest = nextDigest(noDigest, entries);
    const base = { snapshot: "s", slot: this.appliedSlot, clusterId: "c", confirmed: 0, last: true };
    return { ...base, entries, digest };
  }

  #status(): Status {
    const { id, halt, appliedSlot } = this;
    const replicas = this.all.map((replica) => ({ id: replica.id, address: replica.address }));
    return {
      ...{ clusterId: "c", id, version: "0", pid: 1, uptimeSeconds: 1, serving: halt === undefined },
      problem: halt === undefined ? "" : problem,
      peers: [],
      configuration: {
        ...{ number: 1, predecessor: 0, replicas },
        acceptors: [{ id: "a1", address: "127.0.0.1:1", store: "s" }],
        leaders: [{ id: "l1", address: "127.0.0.1:1" }],
      },
      state: {
        role: "replica",
        ...{ slotOut: appliedSlot + 1, highestKnown: 8, queued: 0, outstanding: 0, hash: "", leader: "" },
        ...{ ballot: noBallot, durableSlot: appliedSlot, services: [], trimPoint: 0 },
        ...{ lastSwitch: 0, node: "", runtime: "", stateBytes: 0, quotaBytes: 1, warnings: [] },
        halt,
      },
    };
  }
}

let directory: string;
let replicas: [FakeReplica, FakeReplica, FakeReplica];
let printed: Printed;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-stopped-"));
  const all: FakeReplica[] = [];
  all.push(...["r1", "r2", "r3"].map((id) => new FakeReplica(id, all)));
  await Promise.all(all.map((replica) => replica.start()));
  replicas = all as typeof replicas;
  printed = takePrinted();
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const { server } of replicas) server.forceShutdown();
  rmSync(directory, { recursive: true, force: true });
});

async function synod(...words: string[]): Promise<number> {
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await runCommandLine([...words, "--replica", replicas[0].address]);
    return Number(process.exitCode ?? 0);
  } finally {
    process.exitCode = before;
  }
}

const decisions = () => replicas.flatMap(({ decided }) => decided);

describe("synod skip", () => {
  it("has every replica promise before one is asked for the decision, and may be run again", async () => {
    expect(await synod("skip", "7", "--command", "2")).toBe(0);
    for (const { held } of replicas) expect(held).toEqual([{ slot: 7, number: 1 }]);
    expect(decisions()).toEqual([{ slot: 7, number: 1, skip: 2, retire: [] }]);
    expect(printed.stdout).toMatch(/command 2 of slot 7 is skipped: decided in slot 9\n {2}r1 goes on/);
    expect(await synod("skip", "7", "--command", "2")).toBe(0);
    expect([decisions().length, printed.stdout.includes("already")]).toEqual([1, true]);
  });

  it("skips nothing that a replica executed, and nothing where none is stopped", async () => {
    replicas[2].appliedSlot = 8;
    replicas[2].halt = undefined;
    expect(await synod("skip", "7")).toBe(exitCode.failed);
    expect(printed.stderr).toMatch(/r3 executed slot 7, and may have answered/);
    for (const replica of replicas) Object.assign(replica, { appliedSlot: 5, halt: undefined });
    expect(await synod("skip", "7")).toBe(exitCode.failed);
    expect(printed.stderr).toMatch(/expected a replica that is stopped before slot 7, found none/);
    expect([decisions(), replicas.flatMap(({ held }) => held)]).toEqual([[], []]);
  });

  it("asks every replica, or is told by name which one is gone for good", async () => {
    replicas[1].server.forceShutdown();
    expect(await synod("skip", "7")).toBe(exitCode.failed);
    expect(printed.stderr).toMatch(/expected an answer of every replica.*\n {2}r2 /);
    expect(await synod("skip", "7", "--without", "r9")).toBe(exitCode.usage);
    expect(decisions()).toEqual([]);
    expect(await synod("skip", "7", "--without", "r2")).toBe(0);
    expect(decisions()).toEqual([{ slot: 7, number: 1, skip: "batch", retire: [] }]);
  });

  it("takes a promise back by a remedy without an effect", async () => {
    for (const replica of replicas) replica.halt = { kind: "held", slot: 7, remedies: 1 };
    expect(await synod("skip", "7", "--undo")).toBe(0);
    expect(decisions()).toEqual([{ slot: 7, number: 2, retire: [] }]);
  });
});

describe("synod service retire, when every replica has stopped", () => {
  it("retires from the slot that none has executed, and names those that cannot get there", async () => {
    for (const replica of replicas) replica.halt = { kind: "lacking", slot: 7, remedies: 0 };
    replicas[2].appliedSlot = 4;
    expect(await synod("service", "retire", "bank.v1.Ledger")).toBe(0);
    expect(decisions()).toEqual([{ slot: 7, number: 1, retire: ["bank.v1.Ledger"] }]);
    expect(printed.stdout).toMatch(
      /r3 has executed slot 4 only, and cannot execute what follows: start it anew/,
    );
  });
});

describe("synod snapshot save --stopped", () => {
  it("takes the state of a replica that has executed the most, and says why it had stopped", async () => {
    replicas[1].appliedSlot = 8;
    const file = path.join(directory, "backup");
    expect(await synod("snapshot", "save", file, "--stopped")).toBe(exitCode.failed);
    expect(printed.stderr).toMatch(/take the state of r2 \(/);
    for (const replica of replicas) replica.appliedSlot = 8;
    expect(await synod("snapshot", "save", file, "--stopped")).toBe(0);
    expect(replicas.map(({ snapshots }) => snapshots.map(({ stopped }) => stopped))).toEqual([
      [true],
      [],
      [],
    ]);
    const source = await SnapshotFile.open(file);
    expect(source.header).toMatchObject({ slot: 8, stopped: problem });
    await source.close();
    const data = path.join(directory, "data");
    expect(await runRestore(file, data)).toBe(exitCode.usage);
    expect(printed.stderr).toMatch(/that had stopped after slot 8 .* give --from-stopped/);
    expect(await runRestore(file, data, "--from-stopped")).toBe(0);
  });
});

async function runRestore(file: string, data: string, ...further: string[]): Promise<number> {
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await runCommandLine(["snapshot", "restore", file, "--data", data, ...further]);
    return Number(process.exitCode ?? 0);
  } finally {
    process.exitCode = before;
  }
}

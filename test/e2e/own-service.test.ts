import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePorts } from "@synod/cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReadyLine, repository, type SynodProcess, Workplace } from "./synod-command.js";

// A user's service with every construct that descriptor loaders get wrong, from its protos to calls by reflection.

const service = `
import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./gen/descriptors.js";

const ledger = replicatedService({ descriptors, service: "ledger.v1.Ledger" });
const accounts = ledger.table("accounts", ["string"], "ledger.v1.Account");
export default ledger.define({
  version: 1,
  errors: { NoAccount: { code: 5, detail: "ledger.v1.Account" } },
  commands: { Open: (tx, account) => { tx.put(accounts, [account.accountId], account); return account; } },
  queries: {
    Show: (tx, request, context) => tx.get(accounts, request.accountId) ?? context.fail("NoAccount", { accountId: request.accountId }),
  },
  watches: { Watch: { range: ({ accountId }) => [accounts, accountId], event: ({ value }) => value ?? {} } },
});
`;

const auditProto = `
syntax = "proto3";
package audit.v1;
service Audit { rpc Note(NoteRequest) returns (NoteResponse); }
message NoteRequest { string text = 1; }
message NoteResponse { uint64 notes = 1; }
message Text { string text = 1; }
`;
/** Another service for the same cluster; its table has the name of the other's, and is its own. */
const auditService = `
import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./gen/descriptors.js";

const audit = replicatedService({ descriptors, service: "audit.v1.Audit" });
const notes = audit.table("accounts", ["int64"], "audit.v1.Text");
export default audit.define({
  version: 1,
  errors: {},
  queries: {},
  commands: {
    Note: (tx, { text }) => {
      const count = [...tx.range(notes, { limit: 100 })].length;
      tx.put(notes, [BigInt(count)], { text });
      return { notes: count + 1 };
    },
  },
});
`;

const account = {
  accountId: "a-1",
  kind: "KIND_SAVINGS",
  balanceByCurrency: { EUR: { minorUnits: "-9223372036854775808" }, USD: {} },
  notes: { "-7": "seven" },
  overdraftLimit: 0,
  owners: [{ fullName: "Ann" }, {}],
  recentChanges: ["-1", "2"],
  openedAt: "2023-11-14T22:13:20.000000005Z",
  noLimit: true,
  photo: "AAECAw==",
  rate: 0.5,
};

const workplace = new Workplace();
let ready: ReadyLine;
let synod: SynodProcess;
let port: number;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, ...parameters: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const program = path.join(repository, "node_modules/.bin", script);
    execFile(program, parameters, { cwd: workplace.directory }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

async function succeeded(
  work: Promise<{ code: number | null; stdout: string; stderr: string }>,
): Promise<string> {
  const { code, stdout, stderr } = await work;
  expect([code, stdout + stderr]).toEqual([0, expect.anything()]);
  return stdout;
}

function curl(protocol: string, ...parameters: string[]): Promise<Ran> {
  const reflection = ["--reflect", "--reflect-protocol", protocol];
  return run("buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge", ...reflection, ...parameters);
}

async function up(...parameters: string[]): Promise<ReadyLine> {
  synod = workplace.start("up", "--json", ...parameters);
  const [line] = await synod.printed(/^\{.*\}$/m);
  return JSON.parse(line) as ReadyLine;
}

beforeAll(async () => {
  const inProject = (file: string) => path.join(workplace.directory, file);
  symlinkSync(path.join(repository, "node_modules"), inProject("node_modules"));
  cpSync(path.join(repository, "packages/wire/test/fixture"), inProject("proto"), { recursive: true });
  cpSync(path.join(repository, "examples/ledger/tsconfig.json"), inProject("tsconfig.json"));
  writeFileSync(inProject("package.json"), '{ "type": "module" }');
  mkdirSync(inProject("proto/audit/v1"), { recursive: true });
  writeFileSync(inProject("proto/audit/v1/audit.proto"), auditProto);
  await succeeded(workplace.run("generate"));
  writeFileSync(inProject("src/service.ts"), service);
  writeFileSync(inProject("src/audit.ts"), auditService);
  expect(await run("tsc", "-p", ".")).toMatchObject({ code: 0, stdout: "" });
  port = await freePorts(3);
  const members = ["--acceptors", "1", "--leaders", "1", "--replicas", "1", "--port", String(port)];
  ready = await up(...members, "--service", "dist/service.js", "--service", "dist/audit.js");
});

afterAll(() => workplace.end());

const url = (role: "replicas" | "leaders" | "acceptors") => `http://${ready[role][0]?.address}`;

const common = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "synod.v1.Cluster",
];
const builtIn = ["synod.calculator.v1.Calculator", "synod.kv.v1.KeyValue", "synod.lock.v1.Lock"];
const served = {
  replicas: [...common, ...builtIn, "synod.v1.Replica", "ledger.v1.Ledger", "audit.v1.Audit"].sort(),
  leaders: [...common, "synod.v1.Leader"].sort(),
  acceptors: [...common, "synod.v1.Acceptor"].sort(),
};

describe.each(["grpc-v1", "grpc-v1alpha"])("reflection by %s", (protocol) => {
  it.each(["replicas", "leaders", "acceptors"] as const)(
    "lists the services of %s, and describes each",
    async (role) => {
      const services = await succeeded(curl(protocol, "--list-services", url(role)));
      expect(services.trim().split("\n").sort()).toEqual(served[role]);
      const methods = await succeeded(curl(protocol, "--list-methods", url(role)));
      const described = new Set(
        methods
          .trim()
          .split("\n")
          .map((method) => method.split("/")[0]),
      );
      expect([...described].sort()).toEqual(served[role]);
    },
  );

  it("describes a user's service well enough to call it with every construct there is", async () => {
    const opened = await succeeded(
      curl(protocol, "-d", JSON.stringify(account), `${url("replicas")}/ledger.v1.Ledger/Open`),
    );
    expect(JSON.parse(opened)).toEqual(account);
    const shown = await succeeded(
      curl(protocol, "-d", '{"accountId":"a-1"}', `${url("replicas")}/ledger.v1.Ledger/Show`),
    );
    expect(JSON.parse(shown)).toEqual(account);
  });
});

it("several services share one cluster, each with tables of its own", async () => {
  for (const notes of ["1", "2"]) {
    const noted = await succeeded(
      curl("grpc-v1", "-d", '{"text":"x"}', `${url("replicas")}/audit.v1.Audit/Note`),
    );
    expect(JSON.parse(noted)).toEqual({ notes });
  }
});

it("synod log shows their requests, as the replica's reflection describes them", async () => {
  const log = await succeeded(workplace.run("log", "--commands"));
  expect(log).toContain('audit.v1.Audit/Note {"text":"x"}');
  expect(log).toContain('ledger.v1.Ledger/Open {"accountId":"a-1","kind":"KIND_SAVINGS",');
  expect(log).not.toContain(" bytes (");
  for (const line of log.trimEnd().split("\n")) expect(line).toMatch(/(audit|ledger|kv)\.v1\.\w+\//);
  const one = await succeeded(workplace.run("log", "--commands", "--limit", "1"));
  expect(one.trimEnd()).toBe(log.split("\n", 1)[0]);
  const all = await succeeded(workplace.run("log"));
  expect(all).toMatch(/ InstallService: version 1 of audit\.v1\.Audit \| /);
  expect(all).toMatch(/ Report: r1 has .* on disk.*; offers .*version 1 of ledger\.v1\.Ledger/);
});

it("a declared error has its detail, by reflection", async () => {
  const { stderr } = await curl(
    "grpc-v1",
    "-d",
    '{"accountId":"none"}',
    `${url("replicas")}/ledger.v1.Ledger/Show`,
  );
  expect(JSON.parse(stderr)).toMatchObject({ code: "not_found", details: [{ type: "ledger.v1.Account" }] });
});

describe("synod up --service", () => {
  it("is remembered: the same cluster comes up again with the service and what it stored", async () => {
    synod.child.kill("SIGTERM");
    await synod.ended;
    ready = await up();
    const shown = await succeeded(
      curl("grpc-v1", "-d", '{"accountId":"a-1"}', `${url("replicas")}/ledger.v1.Ledger/Show`),
    );
    expect(JSON.parse(shown)).toEqual(account);
  });

  it("names everything that is wrong with the modules before it makes or starts anything", async () => {
    writeFileSync(path.join(workplace.directory, "dist/broken.js"), "\nexport default {;");
    const { code, stderr } = await workplace.run(
      ...["up", "--data", "other", "--service", "none.js", "--service", "src/service.ts"],
      ...["--service", "dist/broken.js"],
      ...["--service", "dist/service.js", "--service", "dist/service.js"],
    );
    expect(code).toBe(2);
    expect(stderr).toContain("none.js: expected a file, found none of this name");
    expect(stderr).toContain("service.ts: expected compiled JavaScript, found TypeScript: compile it first");
    expect(stderr).toMatch(/broken\.js: it cannot be loaded: .* \(\S+broken\.js:\d+:\d+\)/);
    expect(stderr).toContain("ledger.v1.Ledger is that of");
    expect(readdirSync(workplace.directory)).not.toContain("other");
  });
});

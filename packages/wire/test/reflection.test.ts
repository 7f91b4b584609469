import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asBuffer } from "../src/bytes.js";
import { describedBy, descriptorSet, FileIndex, loadServices, reflectionServices } from "../src/index.js";
import { filesOf } from "../src/message-types.js";
import { buf, fixtureDescriptorSet } from "./buf.js";

const server = new Server();
let base: string;
let fixture: Uint8Array;

/** Serves a method that answers what it was asked. */
function serveEcho(
  set: Uint8Array,
  service: string,
  method: string,
  answer: (request: object) => object,
): void {
  const found = loadServices(set).services.get(service)?.methods.get(method);
  if (found === undefined) throw new Error(`no ${service}/${method}`);
  const definition = {
    path: found.path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: object) => asBuffer(found.encodeRequest(message as never)),
    requestDeserialize: found.decodeRequest,
    responseSerialize: (message: object) => asBuffer(found.encodeResponse(message as never)),
    responseDeserialize: found.decodeResponse,
  };
  server.addService(
    { [method]: definition },
    {
      [method]: (call: { request: object }, callback: (error: null, answer: object) => void) =>
        callback(null, answer(call.request)),
    },
  );
}

beforeAll(async () => {
  fixture = await fixtureDescriptorSet();
  serveEcho(descriptorSet, "synod.kv.v1.KeyValue", "Get", (request) => ({
    found: true,
    value: Buffer.from((request as { key: string }).key),
    revision: "9007199254740993",
  }));
  serveEcho(fixture, "ledger.v1.Ledger", "Open", (request) => request);
  const listed = ["synod.kv.v1.KeyValue", "synod.v1.Acceptor", "ledger.v1.Ledger"];
  for (const [definition, implementation] of reflectionServices([descriptorSet, fixture], listed))
    server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  base = `http://127.0.0.1:${port}`;
});

afterAll(() => server.forceShutdown());

function curl(...parameters: string[]) {
  return buf("curl", "--protocol", "grpc", "--http2-prior-knowledge", ...parameters);
}

describe("a client that knows nothing but the address", () => {
  it.each(["grpc-v1", "grpc-v1alpha"])(
    "lists the services, by %s",
    async (protocol) => {
      const { stdout, stderr } = await curl("--reflect-protocol", protocol, "--list-services", base);
      expect(stderr).toBe("");
      expect(stdout.toString().trim().split("\n")).toEqual([
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "ledger.v1.Ledger",
        "synod.kv.v1.KeyValue",
        "synod.v1.Acceptor",
      ]);
    },
    30_000,
  );

  it("lists the methods", async () => {
    const { stdout } = await curl("--list-methods", base);
    expect(stdout.toString()).toContain("synod.v1.Acceptor/Prepare");
    expect(stdout.toString()).toContain("ledger.v1.Ledger/Watch");
  });

  it("calls a built-in service", async () => {
    const { stdout, stderr } = await curl("-d", '{"key":"colour"}', `${base}/synod.kv.v1.KeyValue/Get`);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout.toString())).toEqual({
      found: true,
      value: Buffer.from("colour").toString("base64"),
      revision: "9007199254740993",
    });
  });

  it("calls a user's service with imports, well-known types, maps and optional fields", async () => {
    const request = {
      accountId: "a-1",
      kind: "KIND_SAVINGS",
      balanceByCurrency: { EUR: { minorUnits: "-9223372036854775808" } },
      notes: { "7": "seven" },
      overdraftLimit: 0,
      recentChanges: ["-1"],
      openedAt: "2023-11-14T22:13:20.000000005Z",
      noLimit: true,
    };
    const { stdout, stderr } = await curl("-d", JSON.stringify(request), `${base}/ledger.v1.Ledger/Open`);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout.toString())).toEqual(request);
  });

  it("is told when there is no such method", async () => {
    const { code, stderr } = await curl("-d", "{}", `${base}/synod.kv.v1.KeyValue/Nothing`);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Nothing");
  });
});

describe("the index of a descriptor set", () => {
  it.each([
    ["ledger.v1.Account", "ledger/v1/ledger.proto"],
    ["ledger.v1.Account.Owner", "ledger/v1/ledger.proto"],
    ["ledger.v1.Account.Owner.full_name", "ledger/v1/ledger.proto"],
    ["ledger.v1.Kind", "ledger/v1/ledger.proto"],
    ["ledger.v1.Ledger", "ledger/v1/ledger.proto"],
    ["ledger.v1.Ledger.Open", "ledger/v1/ledger.proto"],
    ["ledger.v1.audit_note", "ledger/v1/ledger.proto"],
    [".ledger.v1.Money", "ledger/v1/money.proto"],
    ["google.protobuf.Timestamp", "google/protobuf/timestamp.proto"],
    ["ledger.v1.Nothing", undefined],
  ])("knows where %s is", (symbol, file) => {
    expect(new FileIndex(fixture).fileOfSymbol(symbol)).toBe(file);
  });

  it("knows extensions by message and number", () => {
    const index = new FileIndex(fixture);
    expect(index.fileOfExtension("google.protobuf.MethodOptions", 50001)).toBe("ledger/v1/ledger.proto");
    expect(index.extensionNumbers("google.protobuf.MethodOptions")).toEqual([50001]);
    expect(index.fileOfExtension("google.protobuf.MethodOptions", 50002)).toBeUndefined();
  });

  it("gives a file byte for byte, custom options included, then its imports, each once", () => {
    const [file, ...imports] = new FileIndex(fixture).withImports("ledger/v1/ledger.proto");
    expect(asBuffer(fixture).includes(asBuffer(file as Uint8Array))).toBe(true);
    expect(asBuffer(file as Uint8Array).includes("always")).toBe(true);
    expect(imports).toHaveLength(3);
  });

  it("refuses a set that lacks an import", () => {
    const lacking = withoutFile(fixture, "ledger/v1/money.proto");
    expect(() => new FileIndex(lacking)).toThrow(
      "ledger/v1/ledger.proto imports ledger/v1/money.proto, which the set lacks; build it with all imports",
    );
  });

  it("takes a file that several sets have once", () => {
    expect(new FileIndex(fixture, fixture).services).toEqual(["ledger.v1.Ledger"]);
  });
});

describe("what a client is told of one service", () => {
  it.each(["ledger.v1.Ledger", "synod.v1.Acceptor"])("is a set that %s is loaded from", async (name) => {
    const client = new Client(base.slice("http://".length), credentials.createInsecure());
    const { services } = loadServices(await describedBy(client, name));
    expect([...services.keys()]).toContain(name);
    client.close();
  });

  it("is the reason, where there is none", async () => {
    const client = new Client(base.slice("http://".length), credentials.createInsecure());
    await expect(describedBy(client, "nobody.v1.Knows")).rejects.toThrow("no symbol nobody.v1.Knows here");
    client.close();
    const nowhere = new Client("127.0.0.1:1", credentials.createInsecure());
    await expect(describedBy(nowhere, "nobody.v1.Knows")).rejects.toThrow("ECONNREFUSED");
    nowhere.close();
  });
});

it("a service that nothing describes cannot be listed", () => {
  expect(() => reflectionServices(descriptorSet, ["nobody.v1.Knows"])).toThrow(
    "no descriptor set describes nobody.v1.Knows",
  );
});

/** A FileDescriptorSet is nothing but its files one after the other, each with a tag and a length. */
function withoutFile(set: Uint8Array, name: string): Uint8Array {
  const index = new FileIndex(set);
  const kept = filesOf(set).filter((file) => file.name !== name);
  const parts = kept.map((file) => asBuffer(index.withImports(file.name ?? "")[0] as Uint8Array));
  return Buffer.concat(parts.flatMap((part) => [Buffer.from([0x0a, ...length(part.length)]), part]));
}

function length(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...length(value >> 7)];
}

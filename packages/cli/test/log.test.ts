import { encodeSaid, systemService } from "@synod/state-machine";
import { descriptorSet } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { presentSlot, slotJson } from "../src/log/present.js";
import { methodFinder, requestJson } from "../src/log/request-json.js";
import { holdsCommands } from "../src/log/system-text.js";

const put = {
  clientId: "4.0",
  sequence: 2,
  service: "synod.kv.v1.KeyValue",
  method: "Put",
  request: Buffer.from("xy"),
  requestJson: { key: "a", value: "eA==" },
};

it("shows a slot on one line: proposal, and each command's method, request, session and sequence", () => {
  const commands = [put, { ...put, sequence: 3, requestJson: undefined }];
  expect(
    presentSlot({ slot: 7, proposal: "r1/9/3", content: { kind: "batch", commands, logTimeMs: 5 } }),
  ).toBe(
    '7  r1/9/3  synod.kv.v1.KeyValue/Put {"key":"a","value":"eA=="} (4.0 #2) | synod.kv.v1.KeyValue/Put 2 bytes (4.0 #3)',
  );
  expect(presentSlot({ slot: 8, proposal: "", content: { kind: "no-op" } })).toBe("8  no-op");
});

it("keeps a long request to one readable line", () => {
  const commands = [{ ...put, requestJson: { key: "k".repeat(5_000) } }];
  const line = presentSlot({
    slot: 7,
    proposal: "r1/9/3",
    content: { kind: "batch", commands, logTimeMs: 5 },
  });
  expect(line.length).toBeLessThan(200);
  expect(line).not.toContain("\n");
});

it("gives the whole request in JSON", () => {
  const line = slotJson({
    slot: 7,
    proposal: "r1/9/3",
    content: { kind: "batch", commands: [put], logTimeMs: 5 },
  });
  expect(JSON.parse(line)).toMatchObject({
    slot: 7,
    kind: "batch",
    commands: [{ clientId: "4.0", sequence: 2, request: "eHk=", requestJson: { key: "a" } }],
  });
});

const logTimeMs = Date.UTC(2030, 0, 2, 3, 4, 5, 6);

function system(method: string, said?: Parameters<typeof encodeSaid>[0]) {
  const request = said === undefined ? new Uint8Array() : encodeSaid(said);
  return { clientId: "a1b2", sequence: 1, service: systemService, method, request, requestJson: said };
}

function batchOf(...commands: (typeof put | ReturnType<typeof system>)[]) {
  return { slot: 9, proposal: "r1/9/4", content: { kind: "batch", commands, logTimeMs } } as const;
}

describe("Synod's own commands", () => {
  const offers = [
    { service: "synod.kv.v1.KeyValue", oldest: 1, newest: 1 },
    { service: "a.v1.B", oldest: 1, newest: 3 },
  ];
  const report = {
    replica: "r2",
    store: "s",
    number: 1,
    slot: 7,
    hash: "0123456789abcdef".repeat(4),
    earlier: [],
    offers,
    ground: { runtime: "v8 of the test", node: "v0.0.0", engines: [{ version: 1, digest: "d" }] },
  };
  const offered = "version 1 of synod.kv.v1.KeyValue, versions 1 to 3 of a.v1.B";

  it.each([
    [system("OpenSession"), "OpenSession"],
    [system("Checkpoint"), "Checkpoint"],
    [system("AdvanceTime"), "AdvanceTime to 2030-01-02T03:04:05.006Z"],
    [
      system("Report", report),
      `Report: r2 has slot 7 on disk, hash 0123456789ab; runs Node v0.0.0; offers ${offered}`,
    ],
    [
      system("Report", { ...report, slot: 0, hash: "", offers: [] }),
      "Report: r2 has nothing on disk yet; runs Node v0.0.0; offers nothing",
    ],
    [system("InstallService", { service: "a.v1.B", version: 2 }), "InstallService: version 2 of a.v1.B"],
    [system("SwitchVersion", { service: "a.v1.B", version: 3 }), "SwitchVersion: version 3 of a.v1.B"],
    [system("SwitchVersion", { service: "a.v1.B", version: 0 }), "SwitchVersion: a.v1.B out of use"],
    [system("SetQuota", { bytes: 42 }), "SetQuota: 42 bytes"],
  ])("are shown in words: %#", (command, words) => {
    expect(presentSlot(batchOf(command))).toBe(`9  r1/9/4  ${words}`);
  });

  it("that nobody knows are shown as any other command", () => {
    expect(presentSlot(batchOf(system("Report")))).toBe(
      "9  r1/9/4  synod.v1.Replica/Report 0 bytes (a1b2 #1)",
    );
    expect(presentSlot(batchOf(system("Later")))).toContain("synod.v1.Replica/Later 0 bytes");
  });

  it("that carry a time which is no date are shown all the same", () => {
    const { slot, proposal, content } = batchOf(system("AdvanceTime"));
    const far = { slot, proposal, content: { ...content, logTimeMs: Number.MAX_SAFE_INTEGER } };
    expect(presentSlot(far)).toContain("AdvanceTime to 9007199254740991 ms");
  });

  it("are no commands of a service: a slot with nothing else holds none, nor does a no-op", () => {
    expect(holdsCommands(batchOf(system("OpenSession"), system("Report", report)))).toBe(false);
    expect(holdsCommands(batchOf(system("InstallService"), put))).toBe(true);
    expect(holdsCommands({ slot: 8, proposal: "", content: { kind: "no-op" } })).toBe(false);
  });
});

describe("requests of services that do not come with Synod", () => {
  const command = { service: "user.v1.Own", method: "Get", request: Buffer.from([10, 1, 97]) };
  /** Synod's own set under another name stands for a user's. */
  const set = Buffer.from(
    Buffer.from(descriptorSet).toString("latin1").replaceAll("synod.kv.v1", "users.kv.v1"),
    "latin1",
  );
  const users = { service: "users.kv.v1.KeyValue", method: "Get", request: Buffer.from([10, 1, 97]) };

  it("are decoded as the replica describes them, and it is asked once a service", async () => {
    const asked: string[] = [];
    const find = methodFinder(async (service) => {
      asked.push(service);
      return set;
    });
    expect(await requestJson(users, find)).toMatchObject({ key: "a" });
    expect(await requestJson({ ...users, method: "Delete" }, find)).toMatchObject({ key: "a" });
    expect(await requestJson({ ...users, service: "synod.kv.v1.KeyValue" }, find)).toMatchObject({
      key: "a",
    });
    expect(asked).toEqual(["users.kv.v1.KeyValue"]);
  });

  it.each([
    ["it describes nothing", () => Promise.reject(new Error("no reflection"))],
    ["it describes something else", () => Promise.resolve(set)],
    ["what it says is no descriptor set", () => Promise.resolve(Buffer.from([0x0a, 0x05, 0x01]))],
  ])("stay bytes where %s", async (_, describing) => {
    expect(await requestJson(command, methodFinder(describing))).toBe(undefined);
  });

  it("stay bytes where they are no such message", async () => {
    const find = methodFinder(() => Promise.resolve(set));
    expect(await requestJson({ ...users, request: Buffer.from([10, 9, 97]) }, find)).toBe(undefined);
    expect(await requestJson({ ...users, method: "NoSuch" }, find)).toBe(undefined);
  });
});

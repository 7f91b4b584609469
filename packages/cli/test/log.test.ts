import { expect, it } from "vitest";
import { presentSlot, slotJson } from "../src/log/present.js";

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
  expect(presentSlot({ slot: 7, proposal: "r1/9/3", content: { kind: "batch", commands } })).toBe(
    '7  r1/9/3  synod.kv.v1.KeyValue/Put {"key":"a","value":"eA=="} (4.0 #2) | synod.kv.v1.KeyValue/Put 2 bytes (4.0 #3)',
  );
  expect(presentSlot({ slot: 8, proposal: "", content: { kind: "no-op" } })).toBe("8  no-op");
});

it("keeps a long request to one readable line", () => {
  const commands = [{ ...put, requestJson: { key: "k".repeat(5_000) } }];
  const line = presentSlot({ slot: 7, proposal: "r1/9/3", content: { kind: "batch", commands } });
  expect(line.length).toBeLessThan(200);
  expect(line).not.toContain("\n");
});

it("gives the whole request in JSON", () => {
  const line = slotJson({ slot: 7, proposal: "r1/9/3", content: { kind: "batch", commands: [put] } });
  expect(JSON.parse(line)).toMatchObject({
    slot: 7,
    kind: "batch",
    commands: [{ clientId: "4.0", sequence: 2, request: "eHk=", requestJson: { key: "a" } }],
  });
});

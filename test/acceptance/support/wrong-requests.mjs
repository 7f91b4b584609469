// The table of wrong requests: what is wrong, the status expected, and what the message must say.
import { callRaw, streamRaw } from "./raw.mjs";

/** @typedef {import("../wrong.mjs").WrongRequest} WrongRequest */

const beyond = String(2n ** 53n);
const put = "synod.kv.v1.KeyValue/Put";
const ballot = { round: "1", leader: "l1", incarnation: "1" };
const proposal = { replica: "r1", incarnation: "1", number: "1" };
const command = {
  clientId: "1.0",
  sequence: "1",
  service: "synod.kv.v1.KeyValue",
  method: "Get",
  request: Buffer.alloc(0),
};

/**
 * Those that are refused where they arrive: no slot, no record, nothing changes.
 * @param {import("./processes.mjs").Processes} processes
 * @returns {WrongRequest[]}
 */
export function wrongRequests(processes) {
  const [replica, leader, acceptor] = [
    processes.address("r1"),
    processes.address("l1"),
    processes.address("a1"),
  ];
  /** @param {string} method @param {object | Buffer} request @param {Record<string, string>} [metadata] */
  const ask =
    (address = replica, method = "", request = {}, metadata = {}) =>
    () =>
      callRaw(address, method, request, { metadata });
  const session = { "synod-client-id": "1.0", "synod-sequence": "1" };
  /** @type {[string, string, RegExp, () => Promise<import("./raw.mjs").Answer>][]} */
  const rows = [
    [
      "a request that is no protobuf message",
      "INVALID_ARGUMENT",
      /PutRequest/,
      ask(replica, put, Buffer.from([255, 255, 255])),
    ],
    ["a message cut short", "INVALID_ARGUMENT", /PutRequest/, ask(replica, put, Buffer.from([10, 40, 65]))],
    [
      "text that is not UTF-8",
      "INVALID_ARGUMENT",
      /UTF-8/i,
      ask(replica, put, Buffer.from([10, 2, 0xc3, 0x28])),
    ],
    ["an empty key", "INVALID_ARGUMENT", /key/, ask(replica, put, { key: "", value: Buffer.from("x") })],
    ["a key of 1,025 bytes", "INVALID_ARGUMENT", /1025/, ask(replica, put, { key: "k".repeat(1025) })],
    [
      "a value of 513 KiB",
      "INVALID_ARGUMENT",
      /value/,
      ask(replica, put, { key: "k", value: Buffer.alloc(513 << 10) }),
    ],
    [
      "a request of 769 KiB",
      "RESOURCE_EXHAUSTED",
      /bytes/,
      ask(replica, "synod.kv.v1.KeyValue/CompareAndSet", {
        writes: [1, 2].map((n) => ({ key: `k${n}`, put: Buffer.alloc(385 << 10) })),
      }),
    ],
    [
      "a message of 5 MiB",
      "RESOURCE_EXHAUSTED",
      /larger/,
      ask(replica, put, { key: "k", value: Buffer.alloc(5 << 20) }),
    ],
    ["an unknown method", "UNIMPLEMENTED", /./, ask(replica, "synod.kv.v1.KeyValue/Steal", Buffer.alloc(0))],
    ["an unknown service", "UNIMPLEMENTED", /./, ask(replica, "synod.kv.v9.KeyValue/Put", Buffer.alloc(0))],
    [
      "a condition with its oneof unset",
      "INVALID_ARGUMENT",
      /conditions/,
      ask(replica, "synod.kv.v1.KeyValue/CompareAndSet", { conditions: [{ key: "k" }] }),
    ],
    [
      "a write with its oneof unset",
      "INVALID_ARGUMENT",
      /writes/,
      ask(replica, "synod.kv.v1.KeyValue/CompareAndSet", { writes: [{ key: "k" }] }),
    ],
    [
      "a session name that is no name",
      "INVALID_ARGUMENT",
      /synod-client-id/,
      ask(replica, put, { key: "k" }, { ...session, "synod-client-id": "no name" }),
    ],
    [
      "a session without a sequence",
      "INVALID_ARGUMENT",
      /synod-sequence/,
      ask(replica, put, { key: "k" }, { "synod-client-id": "1.0" }),
    ],
    [
      "a sequence of 2^53 in metadata",
      "INVALID_ARGUMENT",
      /synod-sequence/,
      ask(replica, put, { key: "k" }, { ...session, "synod-sequence": beyond }),
    ],
    [
      "a Request without a command",
      "INVALID_ARGUMENT",
      /command/,
      ask(replica, "synod.v1.Replica/Execute", {}),
    ],
    [
      "a sequence of 2^53",
      "INVALID_ARGUMENT",
      /sequence.*2\^53|sequence.*9007199254740992/,
      ask(replica, "synod.v1.Replica/Execute", { command: { ...command, sequence: beyond } }),
    ],
    [
      "a client id that is no name",
      "INVALID_ARGUMENT",
      /client_?id/i,
      ask(replica, "synod.v1.Replica/Execute", { command: { ...command, clientId: "no name" } }),
    ],
    [
      "a log from slot 2^53",
      "INVALID_ARGUMENT",
      /from/,
      ask(replica, "synod.v1.Replica/Log", { from: beyond }),
    ],
    [
      "a Propose without a value",
      "INVALID_ARGUMENT",
      /value/,
      ask(leader, "synod.v1.Leader/Submit", { slot: "1" }),
    ],
    [
      "a Propose whose value has its oneof unset",
      "INVALID_ARGUMENT",
      /kind|value/,
      ask(leader, "synod.v1.Leader/Submit", { slot: "1", value: { proposal } }),
    ],
    [
      "a Propose whose id names no replica",
      "INVALID_ARGUMENT",
      /replica/,
      ask(leader, "synod.v1.Leader/Submit", {
        slot: "1",
        value: { proposal: { ...proposal, replica: "" }, batch: {} },
      }),
    ],
    [
      "a P1a without a ballot",
      "INVALID_ARGUMENT",
      /ballot/,
      ask(acceptor, "synod.v1.Acceptor/Prepare", { configuration: "1", from: "1" }),
    ],
    [
      "a P1a of round 2^53",
      "INVALID_ARGUMENT",
      /round/,
      ask(acceptor, "synod.v1.Acceptor/Prepare", {
        ballot: { ...ballot, round: beyond },
        configuration: "1",
        from: "1",
      }),
    ],
    [
      "a P1a from slot 0",
      "INVALID_ARGUMENT",
      /from/,
      ask(acceptor, "synod.v1.Acceptor/Prepare", { ballot, configuration: "1" }),
    ],
    ["a P2a without a pvalue", "INVALID_ARGUMENT", /pvalue/, ask(acceptor, "synod.v1.Acceptor/Accept", {})],
    [
      "a P2a for slot 0",
      "INVALID_ARGUMENT",
      /slot/,
      ask(acceptor, "synod.v1.Acceptor/Accept", { pvalue: { ballot, value: { noOperation: {} } } }),
    ],
    [
      "a P2a whose value has its oneof unset",
      "INVALID_ARGUMENT",
      /kind|value/,
      ask(acceptor, "synod.v1.Acceptor/Accept", { pvalue: { ballot, slot: "1", value: {} } }),
    ],
    [
      "a stream that does not open with a hello",
      "FAILED_PRECONDITION",
      /hello/i,
      () => streamRaw(acceptor, "synod.v1.Acceptor/Vote", [{ heartbeat: { ballot, beat: "1" } }]),
    ],
    [
      "a leader of another cluster",
      "FAILED_PRECONDITION",
      /deadbeef/,
      () =>
        streamRaw(acceptor, "synod.v1.Acceptor/Vote", [
          { hello: hello("deadbeef".repeat(4), "l1", "ROLE_LEADER") },
        ]),
    ],
    [
      "a replica of another cluster",
      "FAILED_PRECONDITION",
      /deadbeef/,
      () =>
        streamRaw(leader, "synod.v1.Leader/Attach", [
          { hello: hello("deadbeef".repeat(4), "r1", "ROLE_REPLICA") },
        ]),
    ],
    [
      "a hello whose id is no name",
      "INVALID_ARGUMENT",
      /id/,
      () =>
        streamRaw(leader, "synod.v1.Leader/Attach", [
          { hello: hello("deadbeef".repeat(4), "no name", "ROLE_REPLICA") },
        ]),
    ],
    [
      "a hello, then a message with its oneof unset",
      "FAILED_PRECONDITION",
      /./,
      () =>
        streamRaw(leader, "synod.v1.Leader/Attach", [
          { hello: hello("0".repeat(32), "r1", "ROLE_REPLICA") },
          {},
        ]),
    ],
  ];
  return rows.map(([what, code, says, asked]) => ({ what, code, says, ask: asked }));
}

/** @param {string} clusterId @param {string} id @param {string} role */
function hello(clusterId, id, role) {
  return { clusterId, id, role, oldestVersion: 2, newestVersion: 2, slotOut: "1" };
}

/**
 * Those that only the replicated state can judge: decided, refused on every replica alike, and without effect.
 * @param {import("./processes.mjs").Processes} processes
 * @returns {Promise<WrongRequest[]>}
 */
export async function refusedByTheLog(processes) {
  const replica = processes.address("r1");
  const opened = await callRaw(replica, "synod.v1.Replica/OpenSession", {});
  const session = { "synod-client-id": opened.response.clientId, "synod-sequence": "1" };
  await callRaw(replica, put, { key: "session", value: Buffer.from("x") }, { metadata: session });
  /** @param {string} method @param {object} request @param {Record<string, string>} [metadata] */
  const ask =
    (method, request, metadata = {}) =>
    () =>
      callRaw(processes.address("r2"), method, request, { metadata });
  /** @type {[string, string, RegExp, () => Promise<import("./raw.mjs").Answer>][]} */
  const rows = [
    [
      "a sum beyond int64",
      "OUT_OF_RANGE",
      /./,
      ask("synod.calculator.v1.Calculator/Add", { operand: "9223372036854775807" }),
    ],
    [
      "a product beyond int64",
      "OUT_OF_RANGE",
      /./,
      ask("synod.calculator.v1.Calculator/Multiply", { operand: "-9223372036854775808" }),
    ],
    [
      "a session that was never opened",
      "ABORTED",
      /unknown/,
      ask(put, { key: "kept" }, { ...session, "synod-client-id": "999999.9" }),
    ],
    [
      "the same sequence with other bytes",
      "INVALID_ARGUMENT",
      /./,
      ask(put, { key: "kept", value: Buffer.from("y") }, session),
    ],
    [
      "a sequence far beyond the window",
      "RESOURCE_EXHAUSTED",
      /./,
      ask(put, { key: "kept" }, { ...session, "synod-sequence": "5000" }),
    ],
    [
      "a sequence at its own mark",
      "FAILED_PRECONDITION",
      /./,
      ask(put, { key: "kept" }, { ...session, "synod-sequence": "2", "synod-acknowledged": "2" }),
    ],
  ];
  return rows.map(([what, code, says, asked]) => ({ what, code, says, ask: asked }));
}

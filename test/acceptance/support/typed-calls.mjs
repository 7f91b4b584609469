// A call of each service by reflection, with an answer that is known.
import { isDeepStrictEqual } from "node:util";
import { everything, thing } from "./everything.mjs";

/** @typedef {{ method: string, request: object, right: (response: any) => boolean }} TypedCall */

const ballot = { round: "0", leader: "reflection", incarnation: "0" };
const value = { proposal: { replica: "reflection", incarnation: "1", number: "1" }, batch: {} };

/** @type {(expected: object) => (response: object) => boolean} */
const is = (expected) => (response) => isDeepStrictEqual(response, expected);

/** @type {TypedCall[]} */
const ofReplicas = [
  { method: "synod.v1.Replica/OpenSession", request: {}, right: ({ clientId }) => /\d/.test(clientId) },
  {
    method: "synod.kv.v1.KeyValue/Put",
    request: { key: "k", value: "AAEC" },
    right: ({ revision }) => Number(revision) > 0,
  },
  {
    method: "synod.kv.v1.KeyValue/Get",
    request: { key: "k" },
    right: ({ found, value }) => found === true && value === "AAEC",
  },
  { method: "synod.v1.Replica/Log", request: { from: "1", limit: 1 }, right: ({ next }) => next === "2" },
  { method: "synod.calculator.v1.Calculator/Multiply", request: { operand: "0" }, right: is({}) },
  { method: "synod.calculator.v1.Calculator/Add", request: { operand: "-5" }, right: is({ value: "-5" }) },
  {
    method: "synod.lock.v1.Lock/Acquire",
    request: { name: "l", owner: "o", ttlMs: "60000" },
    right: ({ acquired, fencingToken }) => acquired === true && Number(fencingToken) > 0,
  },
  { method: `${everything}/Keep`, request: thing, right: is(thing) },
  { method: `${everything}/Get`, request: { thingId: "t-1" }, right: is(thing) },
  { method: `${everything}/Count`, request: {}, right: is({ things: 1 }) },
];

/** @type {Readonly<Record<string, TypedCall[]>>} */
const own = {
  a1: [
    {
      method: "synod.v1.Acceptor/Prepare",
      request: { ballot, configuration: "1", from: "1" },
      right: ({ acceptor, promised }) => acceptor === "a1" && Number(promised.round) > 0,
    },
  ],
  l1: [
    {
      method: "synod.v1.Leader/Submit",
      request: { slot: "1", value },
      right: ({ slot }) => Number(slot) > 0,
    },
  ],
  r1: ofReplicas,
};

/** @param {string} member @returns {TypedCall[]} */
export function typedCalls(member) {
  return [
    { method: "synod.v1.Cluster/Status", request: {}, right: ({ id }) => id === member },
    {
      method: "grpc.health.v1.Health/Check",
      request: { service: "synod.v1.Cluster" },
      right: is({ status: "SERVING" }),
    },
    ...["v1", "v1alpha"].map((version) => ({
      method: `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      request: { fileByFilename: "synod/v1/paxos.proto" },
      right: (/** @type {any} */ answer) => answer.fileDescriptorResponse?.fileDescriptorProto?.length > 0,
    })),
    ...(own[member] ?? []),
  ];
}

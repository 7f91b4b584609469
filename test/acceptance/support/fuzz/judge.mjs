// What may be sent to a cluster that has to live on, and what a process may answer.

import { systemService } from "@synod/state-machine";
import {
  acceptorService,
  clusterService,
  healthService,
  Invalid,
  leaderService,
  replicaService,
  toAcceptor,
  toLeader,
} from "@synod/wire";

/** @typedef {import("./rpcs.mjs").Rpc} Rpc */

/** @type {Map<string, (bytes: Buffer) => unknown>} */
const ownDecoders = new Map(
  [acceptorService, leaderService, replicaService, clusterService, healthService]
    .flatMap((service) => Object.values(service))
    .map(({ path, requestDeserialize }) => [path, requestDeserialize]),
);

/**
 * The request as the process reads it; undefined when it is none.
 * @param {import("./rpcs.mjs").Served} served @param {Rpc} rpc @param {Buffer} bytes
 */
export function requestIn(served, { service, path }, bytes) {
  const own = ownDecoders.get(path);
  if (own) {
    const found = own(bytes);
    return found instanceof Invalid ? undefined : found;
  }
  const method = [...(served.declared.services.get(service)?.methods.values() ?? [])].find(
    (each) => each.path === path,
  );
  try {
    return method?.decodeRequest(bytes);
  } catch {
    return undefined;
  }
}

/** Rounds that a leader passes in one attempt. */
const fewRounds = 20;
const leastQuota = 2 ** 30;

/**
 * Members trust each other: a false word on what is decided, on disk or voted for breaks the promises, whoever says it, and an
 * operator's call does what it says. A cluster that has to live on is told none of these; one that need not gets them all.
 * @param {string} path @param {any} request as decoded
 */
export function isHarmless(path, request) {
  if (path === "/synod.v1.Replica/SetQuota") return request.bytes >= leastQuota;
  // A slot that nobody executed yet may be the next one, and then the replica waits before it.
  if (path === "/synod.v1.Replica/HoldSlot") return request.slot <= 1;
  if (path === "/synod.v1.Replica/SwitchVersion") return request.version !== 0;
  switch (request?.kind) {
    case "hello":
    case "replica-status":
      return request.slotOut <= 1 && !(request.trimmedBelow > 1) && request.configurations.length === 0;
    case "trim":
      return request.trim.below <= 1;
    case "p1a":
      return request.ballot.round <= fewRounds;
    case "p2a":
      // Below every promise: a vote for what nobody proposed may contradict a decision.
      return request.pvalue.ballot.round === 0;
    case "propose":
      return isHarmlessValue(request.value);
    default:
      return true;
  }
}

/** @param {import("@synod/core").Value} value */
function isHarmlessValue(value) {
  // Void, because another one is the latest.
  if (value.kind === "configuration") return value.configuration.predecessor !== 1;
  // A batch is carried as bytes; in it a report would be a word on what is on a disk.
  return value.kind !== "batch" || !Buffer.from(value.commands).includes(systemService);
}

const always = ["OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED"];
/** Said of the state, or of a cluster that is being disturbed. */
const inGeneral = [
  ...always,
  ...["NOT_FOUND", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"],
];

/** Of one gRPC message. */
const mostBytes = 4 << 20;

/** These go on until the caller goes. */
export const endless = new Set(["/grpc.health.v1.Health/Watch"]);

/**
 * Why an ending is wrong; undefined when it is right.
 * @param {Rpc} rpc @param {import("./plays.mjs").Play} play @param {import("./calls.mjs").Ending} ending
 * @param {boolean} invalid nothing that was sent is a valid request
 */
export function fault(rpc, { form, steps }, { code, details, unheard, cancelled }, invalid) {
  if (cancelled) return undefined;
  if (unheard) return endless.has(rpc.path) ? undefined : "it did not end";
  // What grpc-js says itself of a call with one request that has none, or two, before anything of Synod's is asked.
  if (!rpc.requestStream && (form === "none" || form === "two")) return undefined;
  if (!inGeneral.includes(code)) return `it ended with ${code}`;
  const oversized = steps.some(
    (step) => typeof step === "object" && "send" in step && step.send.length > mostBytes,
  );
  if (oversized && form === "one" && code !== "RESOURCE_EXHAUSTED")
    return `it ended with ${code}, and the request is beyond the limit`;
  if (invalid && form === "one" && !saysInvalid(code, details))
    return `it ended with ${code}, and the request is not valid`;
  if (form === "no hello" && code === "OK") return "it ended with OK without a hello";
  return undefined;
}

/** Whether the process could take a request at all is said first. @param {string} code @param {string} details */
function saysInvalid(code, details) {
  return (
    ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE"].includes(code) ||
    (code === "UNIMPLEMENTED" && details.endsWith("was taken out of use"))
  );
}

/** A message of a stream, whichever it is for. @param {Buffer} bytes */
export function isHello(bytes) {
  return [toAcceptor, toLeader].some((codec) => {
    try {
      return codec.decode(bytes).kind === "hello";
    } catch {
      return false;
    }
  });
}

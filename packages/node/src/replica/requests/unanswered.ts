import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { type Answer, openSessionMethod } from "@synod/state-machine";
import type { Response, ResponseOutcome } from "@synod/wire";

/** A command that was asked for, and what of it was proposed; undefined: nothing yet, so that it cannot be executed. */
export interface Asked {
  readonly asked: Command;
  /** It is one of Synod's own, made by this process. */
  readonly ofSynod: boolean;
  /** It changes nothing, so it may be executed again. */
  readonly query: boolean;
  readonly proposed: Command | undefined;
}

const noBytes = new Uint8Array();

/** The part of a command that its client knows an answer by. */
type Named = Pick<Command, "clientId" | "sequence">;

function response(asked: Named, status: number, message: string, outcome: ResponseOutcome): Response {
  const { clientId, sequence } = asked;
  return { clientId, sequence, status, message, response: noBytes, slot: 0, outcome };
}

/** Refused before it was proposed. */
export function refusedHere(asked: Named, status: number, message: string): Response {
  return response(asked, status, message, "not-executed");
}

/** This replica takes nothing any more. What was not proposed another one may take; what was may be executed. */
export function closedHere(waiter: Asked, reason: string): Response {
  const { asked, proposed } = waiter;
  if (proposed === undefined)
    return refusedHere(asked, grpc.status.UNAVAILABLE, `${reason}; ask another one`);
  return unknownHere(waiter, reason);
}

/** It was proposed, and nobody here can tell whether it was executed, or will be. */
export function unknownHere(waiter: Asked, why: string): Response {
  const { asked } = waiter;
  const unknown = `${why}; whether this was executed is unknown here`;
  return safeToRepeat(waiter)
    ? response(asked, grpc.status.UNAVAILABLE, `${unknown}, ask again`, "unknown")
    : response(asked, grpc.status.ABORTED, `${unknown}; look before you send it again`, "unknown");
}

/** It has an answer, for which there is no room here: under a session the same may be asked again, and has the same answer. */
export function unreadHere({ clientId, sequence, outcome }: Response, why: string): Response {
  const again = clientId === "" ? "look before you send it again" : "ask again";
  const status = clientId === "" ? grpc.status.ABORTED : grpc.status.RESOURCE_EXHAUSTED;
  const left = outcome === "not-executed" ? outcome : "unknown";
  return response({ clientId, sequence }, status, `its answer found no room: ${why}; ${again}`, left);
}

/** The known reasons for which an answer is not there in time; empty where there is none. */
export interface WhyLate {
  /** Nothing can be decided now. */
  readonly obstacle: string;
  /** What is decided is not executed here yet, so this may have been decided. */
  readonly lag: string;
}

/** Nothing was decided in time, as far as this replica has come. */
export function outOfTime(waiter: Asked, limitMs: number, { obstacle, lag }: WhyLate): Response {
  const { asked, proposed } = waiter;
  const { DEADLINE_EXCEEDED, UNAVAILABLE } = grpc.status;
  const waited = `not ${lag === "" ? "decided" : "executed here"} within ${Math.round(limitMs)} ms`;
  const reasons = [lag, obstacle].filter((reason) => reason !== "");
  const because = reasons.length === 0 ? "" : `: ${reasons.join("; ")}`;
  const harmless = proposed === undefined || safeToRepeat(waiter);
  const code = reasons.length > 0 && harmless ? UNAVAILABLE : DEADLINE_EXCEEDED;
  if (proposed === undefined)
    return response(asked, code, `${waited}, nor proposed${because}`, "not-executed");
  const later = lag === "" ? "it may be decided later" : "it may have been decided, or be later";
  return response(asked, code, `${waited}${because}; ${later}`, "unknown");
}

/**
 * True when sending the same again cannot change anything twice: it names a session, or only opens one, or is a query. UNAVAILABLE is for these
 * alone once something was proposed, because proxies and client libraries send again by themselves what ends so.
 */
function safeToRepeat({ asked, ofSynod, query }: Asked): boolean {
  return ofSynod ? asked.method === openSessionMethod : query || asked.clientId !== "";
}

/** The answer of a replica that does not take part any more to a query of its own state. */
export function haltedAnswer(reason: string): Answer {
  const { UNAVAILABLE: status } = grpc.status;
  return {
    clientId: "",
    sequence: 0,
    status,
    message: reason,
    response: new Uint8Array(),
    slot: 0,
    repeated: false,
    outcome: "not-executed",
  };
}

import { createHash } from "node:crypto";
import type { OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import { Exhausted, isExhaustion, takeNoted } from "../realm/exhaustion.js";
import { original } from "../realm/realm.js";
import { during } from "../realm/running.js";
import { told } from "../realm/traces.js";
import type { PendingWrite } from "../state/write-set.js";
import { commandLimits } from "./limits.js";
import type { AfterStandstill } from "./log-time.js";
import type { Scheduling } from "./scheduling.js";
import { SeededBytes } from "./seeded.js";
import { type BoundService, type CallContext, isRejection } from "./service.js";
import { CommandLimitExceeded, EngineTransaction, type ServiceSpace } from "./transaction.js";

/** The result of a command: an answer, and the writes to make, none unless the status is 0. */
export interface Outcome {
  readonly status: number;
  readonly message: string;
  readonly response: Uint8Array;
  readonly details?: Uint8Array | undefined;
  readonly writes: readonly PendingWrite[];
  /** The number of commands scheduled after it, less those before. */
  readonly scheduled: number;
  /** Counted for what the handler read. */
  readonly readBytes: number;
  /** A query's: nothing of it is kept, since a repeat may be executed again. */
  readonly query: boolean;
}

/** A handler threw something undeclared, or returned what it must not. For the replica's log. */
export interface HandlerError {
  readonly service: string;
  readonly method: string;
  readonly slot: number;
  readonly error: unknown;
}

/** One call of a method. */
export interface Call {
  readonly service: BoundService;
  readonly space: ServiceSpace;
  /** The version of the service that is in force. */
  readonly version: number;
  readonly method: string;
  readonly request: Uint8Array;
  readonly slot: number;
  /** The command's place in its slot. */
  readonly index: number;
  readonly revision: number;
  /** Log time of a service that declares this. */
  readonly timeMs: number;
  readonly afterStandstill: AfterStandstill;
  readonly client: { readonly id: string; readonly sequence: number } | undefined;
  /** Hash of everything before the slot. */
  readonly previousHash: Uint8Array;
  /** Commands that wait already, of all services. */
  readonly scheduled: number;
}

const noBytes = new Uint8Array(0);
const noWrites: readonly PendingWrite[] = [];

export function failed(status: number, message: string, details?: Uint8Array): Outcome {
  const nothing = { response: noBytes, writes: noWrites, scheduled: 0, readBytes: 0, query: false };
  const outcome = { status, message, ...nothing };
  return details === undefined ? outcome : { ...outcome, details };
}

/** Thrown by `context.fail`. */
class DeclaredFailure extends Error {
  override readonly name = "DeclaredFailure";
  readonly code: number;
  readonly details: Uint8Array | undefined;

  constructor(code: number, message: string, details: Uint8Array | undefined) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

class EngineCallContext implements CallContext {
  readonly #call: Call;
  readonly #tx: EngineTransaction;
  readonly chance: SeededBytes;

  constructor(call: Call, tx: EngineTransaction) {
    this.#call = call;
    this.#tx = tx;
    this.chance = new SeededBytes(() => this.#seed());
  }

  get slot(): number {
    return this.#call.slot;
  }

  get revision(): number {
    return this.#call.revision;
  }

  get version(): number {
    return this.#call.version;
  }

  get timeMs(): number {
    return this.#call.timeMs;
  }

  get client(): { readonly id: string; readonly sequence: number } | undefined {
    return this.#call.client;
  }

  #seed(): Uint8Array {
    const { previousHash, slot, index } = this.#call;
    return createHash("sha256").update(previousHash).update(`${slot}.${index}`).digest();
  }

  schedule(scheduling: Scheduling): void {
    this.#tx.schedule(scheduling, this.#call.afterStandstill, this.#call);
  }

  unschedule(id: string): void {
    this.#tx.unschedule(id);
  }

  fail(code: number, message: string, details?: Uint8Array): never {
    if (!Number.isInteger(code) || code < 1 || code > 16) {
      throw new TypeError(`code: expected a gRPC status code from 1 to 16, found ${code}`);
    }
    if (typeof message !== "string") throw new TypeError(`message: expected a text, found ${typeof message}`);
    if (details !== undefined && details.length > commandLimits.maxDetailBytes) {
      throw new CommandLimitExceeded(
        `the detail of a failure has ${details.length} bytes; expected at most ${commandLimits.maxDetailBytes}`,
      );
    }
    throw new DeclaredFailure(code, message, details);
  }
}

/**
 * Runs one method to its end. Whatever the handler does, the outcome is the same on every replica: engines and
 * libraries word their errors differently, so an undeclared one is answered with a fixed text, and its own text and
 * stack go to `onHandlerError` only. Throws only what is no answer to anybody: what the map threw, and `Exhausted`, also
 * when the handler caught what told of it.
 */
export function run(state: OrderedMap, call: Call, onHandlerError: (error: HandlerError) => void): Outcome {
  takeNoted();
  try {
    const outcome = attempt(state, call, onHandlerError);
    const hidden = takeNoted();
    if (hidden === undefined) return outcome;
    throw hidden;
  } catch (error) {
    const cause = takeNoted() ?? error;
    if (!isExhaustion(cause)) throw error;
    const { service, method, slot, index } = call;
    throw new Exhausted({ service: service.name, method, slot, index }, cause);
  }
}

function attempt(state: OrderedMap, call: Call, onHandlerError: (error: HandlerError) => void): Outcome {
  let tx: EngineTransaction | undefined;
  let query = false;
  try {
    const prepared = call.service.prepare(call.method, call.request, call.version);
    if (isRejection(prepared)) return failed(prepared.status, cut(prepared.message));
    const { definition, codec, request } = prepared;
    query = definition.kind === "query";
    const opened = new EngineTransaction(state, call.space, !query, call.scheduled);
    tx = opened;
    const context = new EngineCallContext(call, opened);
    const result = during(context, () => definition.execute(opened, request, context));
    tx.close();
    if (tx.stateError !== undefined) throw tx.stateError.error;
    if (isPromise(result)) throw refusedPromise(call, result);
    if (tx.exceeded !== undefined) throw tx.exceeded;
    const response = codec.encodeResponse(result);
    if (response.length > commandLimits.maxResponseBytes)
      throw new CommandLimitExceeded(
        `response of ${response.length} bytes: expected at most ${commandLimits.maxResponseBytes}; ask for less at a time`,
      );
    const { pending: writes, scheduled, readBytes } = tx;
    return { status: Status.ok, message: "", response, writes, scheduled, readBytes, query };
  } catch (thrown) {
    tx?.close();
    const error = original(thrown);
    if (isExhaustion(error)) throw error;
    if (tx?.stateError !== undefined) throw tx.stateError.error;
    return { ...failure(call, error, onHandlerError), readBytes: tx?.readBytes ?? 0, query };
  }
}

function failure(call: Call, error: unknown, onHandlerError: (error: HandlerError) => void): Outcome {
  if (error instanceof DeclaredFailure) return failed(error.code, cut(error.message), error.details);
  if (error instanceof CommandLimitExceeded) return failed(Status.resourceExhausted, error.message);
  const { service, method, slot } = call;
  onHandlerError({ service: service.name, method, slot, error: told(error) });
  const text = error instanceof ReturnedPromise ? error.text : undeclared;
  return failed(Status.internal, `${service.name}/${method} ${text}`);
}

const undeclared = "failed in a way it does not declare; the replicas' logs say more";

/** A handler returned a promise. */
class ReturnedPromise extends TypeError {
  readonly text = "returned a promise; expected a handler that is synchronous";
}

function refusedPromise({ service, method }: Call, promise: PromiseLike<unknown>): ReturnedPromise {
  promise.then(undefined, () => {});
  const error = new ReturnedPromise();
  error.message = `${service.name}/${method} ${error.text}`;
  return error;
}

function isPromise(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as { then?: unknown } | null | undefined)?.then === "function";
}

function cut(message: string): string {
  if (message.length <= commandLimits.maxMessageLength) return message;
  // Not through the middle of a character that takes two units.
  return message.slice(0, commandLimits.maxMessageLength).replace(/[\uD800-\uDBFF]$/, "");
}

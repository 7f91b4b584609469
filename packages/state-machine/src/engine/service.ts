import type { MethodCodec } from "../definition/codec.js";
import { Status } from "../definition/status.js";
import { isExhaustion, takeNoted } from "../realm/exhaustion.js";
import { commandLimits } from "./limits.js";
import type { AfterStandstill } from "./log-time.js";
import type { Scheduling } from "./scheduling.js";
import type { SeededBytes } from "./seeded.js";
import type { ByteReadTransaction, ByteTransaction } from "./transaction.js";

/** One for all versions of a service, or by version: what a version does must never change. */
export type DeclaredAfterStandstill = AfterStandstill | ((version: number) => AfterStandstill);

/** The engine's facts about the command that runs. The same on every replica. */
export interface CallContext {
  /** The slot that decided the command. */
  readonly slot: number;
  /** Grows with every command executed, by whatever service. */
  readonly revision: number;
  /** The version of the service that is in force. */
  readonly version: number;
  /** Log time, in milliseconds. */
  readonly timeMs: number;
  /** The client and its sequence; undefined for a command that was scheduled. */
  readonly client: { readonly id: string; readonly sequence: number } | undefined;
  /** Chance, seeded by the command's place in the log; a realm's own draws from it too. */
  readonly chance: SeededBytes;
  /** Has a command executed at a later log time. Only commands may. */
  schedule(scheduling: Scheduling): void;
  unschedule(id: string): void;
  /**
   * Ends the command as failed: it changes nothing, and this is the answer, on every replica alike.
   * @param code gRPC status code, 1 to 16
   * @param message for people; never an engine's or library's text, which may differ between replicas
   * @param details an encoded google.rpc.Status
   */
  fail(code: number, message: string, details?: Uint8Array): never;
}

interface Method<Request, Tx, Response> {
  /** The first version of the service that has the method; 1 when absent. */
  readonly since?: number | undefined;
  /** The fault of a request, in words; undefined if there is none. Sees the request only; runs before proposing too. */
  validate?(request: Request, version: number): string | undefined;
  /** Synchronous, and deterministic: no clock, randomness, timers, I/O or state outside of `tx`. */
  execute(tx: Tx, request: Request, context: CallContext): Response;
}

export interface CommandMethod<Request, Response> extends Method<Request, ByteTransaction, Response> {
  readonly kind: "command";
}

export interface QueryMethod<Request, Response> extends Method<Request, ByteReadTransaction, Response> {
  readonly kind: "query";
}

/** The longest name of a service: it stands before each of the service's keys, and stores limit the length of keys. */
const maxNameLength = 256;

/** The reason why a request is not executed: what the client is told. */
export interface Rejection {
  /** gRPC status code, never 0. */
  readonly status: number;
  readonly message: string;
  /** The codec's words. For the edge only: they may differ between versions, so they are never an answer. */
  readonly detail?: string;
}

export interface BoundMethod {
  readonly definition: CommandMethod<unknown, unknown> | QueryMethod<unknown, unknown>;
  readonly codec: MethodCodec;
}

/** A request that is fit to be executed: decoded and found valid. */
export interface PreparedCall extends BoundMethod {
  readonly request: unknown;
}

/** A service as the engine runs it, on keys and values of bytes. */
export class BoundService {
  readonly name: string;
  /** The newest version that it can run. */
  readonly version: number;
  readonly oldestVersion: number;
  /** Methods that stream changes; they are no commands, so no batch holds one. */
  readonly watchNames: readonly string[];
  /** SHA-256 of the module that it comes from, in hexadecimal; undefined for one that was not loaded from a module. */
  build: string | undefined;
  /** By version. */
  readonly #afterStandstill = new Map<number, AfterStandstill>();
  readonly #methods: ReadonlyMap<string, BoundMethod>;

  constructor(
    name: string,
    versions: {
      readonly version: number;
      readonly oldestVersion?: number | undefined;
      readonly afterStandstill?: DeclaredAfterStandstill | undefined;
    },
    methods: ReadonlyMap<string, BoundMethod>,
    watchNames: readonly string[] = [],
  ) {
    this.name = name;
    this.version = versions.version;
    this.oldestVersion = versions.oldestVersion ?? versions.version;
    this.watchNames = watchNames;
    const { afterStandstill = "resume" } = versions;
    for (let version = this.oldestVersion; version <= this.version; version++) {
      const declared = typeof afterStandstill === "string" ? afterStandstill : afterStandstill(version);
      this.#afterStandstill.set(version, declared);
    }
    this.#methods = methods;
  }

  /** The kind of a method; undefined if there is none of this name. */
  kindOf(method: string): "command" | "query" | "watch" | undefined {
    if (this.watchNames.includes(method)) return "watch";
    return this.#methods.get(method)?.definition.kind;
  }

  /** The treatment of standstills that a version declares, and so the log time that it uses (rule 35). */
  afterStandstill(version: number): AfterStandstill {
    return this.#afterStandstill.get(version) ?? "resume";
  }

  /** Commands and queries. */
  get methodNames(): readonly string[] {
    return [...this.#methods.keys()];
  }

  /**
   * The obstacle that would keep this request from being executed, whatever the state; undefined if there is none. For the edge:
   * what is rejected here changes nothing and costs no slot.
   */
  validate(method: string, request: Uint8Array, version: number): Rejection | undefined {
    try {
      const prepared = this.prepare(method, request, version);
      if (!isRejection(prepared)) return undefined;
      const { status, message, detail } = prepared;
      return { status, message: detail === undefined ? message : `${message}: ${detail}` };
    } catch {
      return { status: Status.internal, message: `the validation of ${this.name}/${method} failed` };
    } finally {
      // Nothing was executed: what it used up is no reason to stop.
      takeNoted();
    }
  }

  /**
   * Decodes and validates. Throws what the service's own `validate` throws.
   * @param version in force: what came after it is not there yet, also where the build has it
   */
  prepare(method: string, request: Uint8Array, version: number): PreparedCall | Rejection {
    const bound = this.#methods.get(method);
    if (bound === undefined || (bound.definition.since ?? 1) > version) {
      const message = this.watchNames.includes(method)
        ? `${this.name}/${method} is a watch, which is no command; watches are not served yet`
        : `service ${this.name} has no method "${method.slice(0, 64)}"`;
      return { status: Status.unimplemented, message };
    }
    const { definition, codec } = bound;
    const { maxRequestBytes } = commandLimits;
    if (request.length > maxRequestBytes) {
      return {
        status: Status.resourceExhausted,
        message: `request of ${request.length} bytes: expected at most ${maxRequestBytes}`,
      };
    }
    let decoded: unknown;
    try {
      decoded = codec.decodeRequest(request);
    } catch (error) {
      if (isExhaustion(error)) throw error;
      return {
        status: Status.invalidArgument,
        message: `the request of ${this.name}/${method} cannot be decoded`,
        detail: error instanceof Error ? error.message : String(error),
      };
    }
    const problem = definition.validate?.(decoded, version);
    if (problem !== undefined) return { status: Status.invalidArgument, message: problem };
    return { definition, codec, request: decoded };
  }
}

export function isRejection(prepared: PreparedCall | Rejection): prepared is Rejection {
  return "status" in prepared;
}

/** The faults of a service's name and versions. */
export function nameProblems(name: string, version: number, oldestVersion = version): string[] {
  const problems: string[] = [];
  if (!/^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/.test(name) || name.length > maxNameLength) {
    problems.push(
      `name: expected the full name of a service, such as bank.v1.Ledger, of at most ${maxNameLength} characters, found "${name}"`,
    );
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    problems.push(`version: expected a whole number of at least 1, found ${version}`);
  } else if (!Number.isSafeInteger(oldestVersion) || oldestVersion < 1 || oldestVersion > version) {
    problems.push(
      `oldestVersion: expected a whole number from 1 to version ${version}, found ${oldestVersion}`,
    );
  }
  return problems;
}

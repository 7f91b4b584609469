import { types } from "node:util";
import type { CallContext } from "../engine/service.js";
import type { MessageCodec } from "./codec.js";
import { encodeStatusDetails } from "./status-details.js";

/** A declared error of a service. `M`: the full names of the protos' messages. */
export interface ErrorSpec<M extends string = string> {
  /** gRPC status code, 1 to 16. */
  readonly code: number;
  /** Full name of the message that tells a program more; travels in grpc-status-details-bin. */
  readonly detail?: M;
}

/** The parameters of `fail`: the detail message, if the error declares one, and a text for people. */
// One tuple for each detail, where a name is none of the errors' or one of several: the compiler then tells the name.
export type FailParameters<Detail> = Detail extends undefined
  ? [message?: string]
  : [detail: Detail, message?: string];

/**
 * The facts that a handler may use besides its request and its tables. The same on every replica.
 * `E`: the declared errors with their detail messages.
 */
export interface Context<E> {
  /** One for each command executed, by whatever service; in a query, of the last one, or its own place in the log. */
  readonly revision: bigint;
  /** Decided the command; a slot decides a batch of them. */
  readonly slot: bigint;
  /**
   * Log time: it began as somebody's wall clock, and keeps up with the replicas' monotonic clocks, also while nothing is
   * decided. For spans of time, not for telling the date: it does not count standstills (`afterStandstill`), nor follow a
   * wall clock that is set. In a query it is that of the last batch applied.
   */
  readonly time: Date;
  /** Of the service, in force: from `oldestVersion` to `version` of its definition. The same on every replica. */
  readonly version: number;
  /** The caller's session; undefined for a command that was scheduled. */
  readonly client: { readonly id: string; readonly sequence: bigint } | undefined;
  /** From 0, included, to 1, excluded. Seeded by the command's place in the log: anybody who has the log can tell it. */
  random(): number;
  /** Seeded as `random` is. */
  uuid(): string;
  /** Ends the command: it changes nothing, and this is the answer, on every replica alike. */
  fail<N extends keyof E & string>(name: N, ...parameters: FailParameters<E[N]>): never;
}

/** `Requests`: of the service's commands, as they may be written. */
export interface CommandContext<E, Requests> extends Context<E> {
  /**
   * Has a command of this service run, without a client, once log time has reached `at`. Under an id it takes the place of
   * what was scheduled under it before.
   */
  schedule<M extends keyof Requests>(at: Date, method: M, request: Requests[M], id?: string): void;
  /** Nothing happens when nothing is scheduled under this id. */
  unschedule(id: string): void;
}

export interface BoundError {
  readonly code: number;
  readonly detailType: string | undefined;
  readonly detail: MessageCodec | undefined;
}

/** The parts that all contexts of a loaded service share. */
export interface ContextSource {
  readonly service: string;
  readonly errors: ReadonlyMap<string, BoundError>;
  /** Encodes the request of a command; undefined when there is no such command. */
  readonly requests: ReadonlyMap<string, (request: unknown) => Uint8Array>;
}

export class HandlerContext {
  readonly #call: CallContext;
  readonly #source: ContextSource;

  constructor(call: CallContext, source: ContextSource) {
    this.#call = call;
    this.#source = source;
  }

  get revision(): bigint {
    return BigInt(this.#call.revision);
  }

  get slot(): bigint {
    return BigInt(this.#call.slot);
  }

  get time(): Date {
    return new Date(this.#call.timeMs);
  }

  get version(): number {
    return this.#call.version;
  }

  get client(): { readonly id: string; readonly sequence: bigint } | undefined {
    const { client } = this.#call;
    return client && { id: client.id, sequence: BigInt(client.sequence) };
  }

  random(): number {
    return this.#call.chance.random();
  }

  uuid(): string {
    return this.#call.chance.uuid();
  }

  fail(name: string, ...parameters: readonly unknown[]): never {
    const { errors, service } = this.#source;
    const error = errors.get(name);
    if (error === undefined)
      throw new TypeError(
        `fail("${name}"): expected a declared error of ${service} (${[...errors.keys()].join(", ") || "none"})`,
      );
    const { code, detail, detailType } = error;
    const words = detail === undefined ? parameters[0] : parameters[1];
    const message = typeof words === "string" ? words : name;
    if (detail === undefined || detailType === undefined) return this.#call.fail(code, message);
    const bytes = detail.encode(parameters[0] ?? {});
    return this.#call.fail(code, message, encodeStatusDetails(code, message, detailType, bytes));
  }

  schedule(at: Date, method: string, request: unknown, id?: string): void {
    const encode = this.#source.requests.get(method);
    if (encode === undefined)
      throw new TypeError(
        `schedule: expected a command of ${this.#source.service} (${[...this.#source.requests.keys()].join(", ")}), found "${method}"`,
      );
    // Of a realm too.
    if (!types.isDate(at)) throw new TypeError(`schedule: expected a Date, found ${typeof at}`);
    this.#call.schedule({ atMs: Math.ceil(at.getTime()), method, request: encode(request), id });
  }

  unschedule(id: string): void {
    this.#call.unschedule(id);
  }
}

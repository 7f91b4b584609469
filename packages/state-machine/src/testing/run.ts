import type { Genesis, OrderedMap } from "@synod/core";
import type { DescribedMethod, DescribedService, DescriptorLoader } from "../codec.js";
import { type Answer, Engine } from "../engine.js";
import type { HandlerError } from "../execution.js";
import { timeLimits } from "../limits.js";
import { openedSession, openSessionMethod, openSessionService } from "../open-session.js";
import type { ReplicatedService } from "../replicated-service.js";
import { MemoryMap } from "./memory-map.js";

const genesis: Genesis = {
  window: 1,
  configuration: { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] },
};

/** A command or query that ended with a status other than OK. What was not declared is told in the message. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** gRPC status code. */
  readonly code: number;
  /** What a client is told. */
  readonly reason: string;
  /** The encoded google.rpc.Status of a declared error that has a detail. */
  readonly details: Uint8Array | undefined;

  constructor(method: string, { status, message, details }: Answer, cause: unknown) {
    const reason = message === "" ? `${method} ended with status ${status}` : message;
    // A replica has this in its log, and a test has none.
    super(cause === undefined ? reason : `${method} failed in a way it does not declare: ${cause}`, {
      cause,
    });
    this.reason = reason;
    this.code = status;
    this.details = details;
  }
}

type Requests<Calls, M extends keyof Calls> = Calls[M] extends { request: infer Request } ? Request : never;
type Responses<Calls, M extends keyof Calls> = Calls[M] extends { response: infer R } ? R : never;

export interface RunOptions {
  /** `loadServices` of @synod/wire. */
  readonly loader: DescriptorLoader;
  /** Where log time begins, in milliseconds since 1970. Default: 1,000,000,000,000 (September 2001). */
  readonly startMs?: number;
}

/** A service in memory: the real engine, one command a slot, without a cluster. */
export class ServiceRun<Calls = unknown> {
  readonly #service: ReplicatedService<Calls>;
  readonly #loader: DescriptorLoader;
  readonly #described: DescribedService;
  readonly #state: OrderedMap = new MemoryMap();
  readonly #session: string;
  #engine: Engine;
  #sequence = 0;
  #error: HandlerError | undefined;

  constructor(service: ReplicatedService<Calls>, { loader, startMs = 1_000_000_000_000 }: RunOptions) {
    this.#service = service;
    this.#loader = loader;
    this.#engine = this.#start(service);
    this.#described = loader(service.descriptors).services.get(service.name) as DescribedService;
    const opening = {
      clientId: "run",
      sequence: 1,
      acknowledged: 0,
      service: openSessionService,
      method: openSessionMethod,
      request: new Uint8Array(0),
    };
    const [answer] = this.#engine.apply(1, { kind: "batch", commands: [opening], logTimeMs: startMs });
    this.#session = openedSession((answer as Answer).response);
  }

  /** Log time. */
  get time(): Date {
    return new Date(this.#engine.logTimeMs);
  }

  /** Of everything that was done: two runs of the same commands have the same. */
  get hash(): string {
    return this.#engine.hash;
  }

  /** Executes a command or query. Throws `CallFailed`; its cause is what the handler threw, if that was not declared. */
  call<M extends keyof Calls & string>(method: M, request: Requests<Calls, M>): Responses<Calls, M> {
    const described = this.#described.methods.get(method) as DescribedMethod | undefined;
    if (described === undefined) throw new TypeError(`${this.#service.name} has no method ${method}`);
    return described.decodeResponse(this.callEncoded(method, described.encodeRequest(request))) as never;
  }

  /** The same with the bytes of messages. */
  callEncoded(method: string, request: Uint8Array): Uint8Array {
    const sequence = ++this.#sequence;
    const command = {
      clientId: this.#session,
      sequence,
      acknowledged: sequence - 1,
      service: this.#service.name,
      method,
      request,
    };
    this.#error = undefined;
    const { logTimeMs, appliedSlot } = this.#engine;
    const [answer] = this.#engine.apply(appliedSlot + 1, { kind: "batch", commands: [command], logTimeMs });
    const { status, response } = answer as Answer;
    // Read through a function: what `apply` may have set is not narrowed away.
    if (status !== 0) throw new CallFailed(method, answer as Answer, this.#lastError()?.error);
    return response;
  }

  /** Lets log time pass, in the steps that a cluster would make; scheduled commands run on the way. */
  advance(ms: number): void {
    const until = this.#engine.logTimeMs + ms;
    while (this.#engine.logTimeMs < until) {
      const logTimeMs = Math.min(until, this.#engine.logTimeMs + timeLimits.maxStepMs);
      this.#engine.apply(this.#engine.appliedSlot + 1, { kind: "batch", commands: [], logTimeMs });
    }
  }

  /** Goes on with another build of the service, on the same state, as a replica does that is restarted. */
  restart(service: ReplicatedService<Calls> = this.#service): void {
    this.#engine = this.#start(service);
  }

  #start(service: ReplicatedService<Calls>): Engine {
    return new Engine({
      state: this.#state,
      genesis,
      services: [service.bind(this.#loader)],
      onHandlerError: (error) => {
        this.#error = error;
      },
    });
  }

  #lastError(): HandlerError | undefined {
    return this.#error;
  }
}

/** Runs a service in memory. Throws, naming every problem, when it does not fit its proto. */
export function run<Calls>(service: ReplicatedService<Calls>, options: RunOptions): ServiceRun<Calls> {
  return new ServiceRun(service, options);
}

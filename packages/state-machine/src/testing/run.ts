import { isDeepStrictEqual } from "node:util";
import type { Command, Genesis, OrderedMap } from "@synod/core";
import type { DescribedMethod, DescribedService, DescriptorLoader } from "../definition/codec.js";
import type { ReplicatedService } from "../definition/replicated-service.js";
import type { Answer } from "../engine/answer.js";
import { isDue, scheduledIn } from "../engine/due.js";
import { Engine } from "../engine/engine.js";
import type { HandlerError } from "../engine/execution.js";
import { inRealm } from "../realm/realm-service.js";
import { type ConfigurationCodec, serviceEnd, servicePrefix } from "../state/layout.js";
import { MemoryMap } from "../state/memory-map.js";
import {
  encodeSaid,
  openedSession,
  openSessionMethod,
  reportMethod,
  switchVersionMethod,
  systemService,
} from "../system/system-command.js";
import { offerText } from "../system/versions.js";

const genesis: Genesis = {
  window: 1,
  configuration: {
    number: 1,
    predecessor: 0,
    acceptors: [],
    leaders: [],
    replicas: [{ id: "run", address: "run:1" }],
  },
};

const unconfigured = (): never => {
  throw new Error("expected no change of the members in a run, which has none, found one");
};
const noConfigurations: ConfigurationCodec = { encode: unconfigured, decode: unconfigured };

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
  /**
   * Runs the handlers in the test's own realm, where clock and chance are the process's: for a service that a test defines
   * beside itself and that no module exports. Default: in a realm of its own, as on a replica.
   */
  readonly sharedRealm?: boolean;
}

/** A service in memory: the real engine, one command a slot, without a cluster. */
export class ServiceRun<Calls = unknown> {
  readonly #loader: DescriptorLoader;
  readonly #sharedRealm: boolean;
  #service: ReplicatedService;
  #described: DescribedService;
  readonly #state: OrderedMap = new MemoryMap();
  readonly #session: string;
  #engine: Engine;
  #sequence = 0;
  /** Log time, and how much later it is for services that catch up after a standstill. */
  #timeMs: number;
  #standstillMs = 0;
  #error: HandlerError | undefined;

  constructor(
    service: ReplicatedService<Calls>,
    { loader, startMs = 1_000_000_000_000, sharedRealm = false }: RunOptions,
  ) {
    this.#service = service;
    this.#loader = loader;
    this.#sharedRealm = sharedRealm;
    this.#engine = this.#start(service);
    this.#described = this.#describe(service);
    const opening = systemCommand(openSessionMethod, new Uint8Array(0));
    const commands = [opening, this.#report()];
    this.#timeMs = startMs;
    const [answer] = this.#apply(commands);
    this.#session = openedSession((answer as Answer).response);
  }

  /** Log time of a service that resumes after a standstill. */
  get time(): Date {
    return new Date(this.#timeMs);
  }

  /** Of everything that was done: two runs of the same commands have the same. */
  get hash(): string {
    return this.#engine.hash;
  }

  /** The rows that the service has stored, by keys of its tables. */
  *rows(): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    const from = servicePrefix(this.#service.name);
    for (const [key, value] of this.#state.range({ from, until: serviceEnd(this.#service.name) }))
      yield [key.subarray(from.length), value];
  }

  /** The commands that the service has scheduled, encoded, in the order in which they run. */
  *scheduled(): Generator<Uint8Array> {
    for (const [key, value] of scheduledIn(this.#state)) yield Buffer.concat([key, value]);
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
    const answer = this.#apply([...this.#engine.system.installationsFor([command]), command]).at(-1);
    const { status, response } = answer as Answer;
    // Read through a function: what `apply` may have set is not narrowed away.
    if (status !== 0) throw new CallFailed(method, answer as Answer, this.#lastError()?.error);
    return response;
  }

  /**
   * Time passes in which nobody asks anything. What is due meanwhile runs at its time, and what comes after it sees the time
   * that it is then, as on an idle cluster.
   */
  idle(ms: number): void {
    const until = this.#timeMs + ms;
    for (let next = this.#nextDueMs; next <= until; next = this.#nextDueMs) {
      this.#timeMs = Math.max(this.#timeMs, next);
      this.#apply([]);
    }
    this.#timeMs = until;
  }

  /**
   * Time passes in which a cluster can decide nothing: without a majority, or without a leader. It counts only for a
   * service that declares `afterStandstill: "catch up"`, for which what was due meanwhile runs when it is over.
   */
  standstill(ms: number): void {
    this.#standstillMs += ms;
    const { resumeMs, catchUpMs } = { resumeMs: this.#timeMs, catchUpMs: this.#timeMs + this.#standstillMs };
    while (isDue(this.#engine.nextDue, { resumeMs, catchUpMs })) this.#apply([]);
  }

  /** By the time that standstills do not count in. */
  get #nextDueMs(): number {
    const { resumeMs = Number.POSITIVE_INFINITY, catchUpMs = Number.POSITIVE_INFINITY } =
      this.#engine.nextDue;
    return Math.min(resumeMs, catchUpMs - this.#standstillMs);
  }

  /** Decides a batch now. */
  #apply(commands: readonly Command[]): readonly Answer[] {
    const said = { logTimeMs: this.#timeMs, standstillMs: this.#standstillMs };
    return this.#engine.apply(this.#engine.appliedSlot + 1, { kind: "batch", commands, ...said });
  }

  /** Goes on with the same build, on the same state, as a replica does that is restarted. */
  restart(): this;
  /**
   * Goes on with another build of the service, and with the methods and messages of its protos. The version in force stays.
   * Throws when the build does not offer it. Returns this run, with the types of that build.
   */
  restart<Next>(service: ReplicatedService<Next>): ServiceRun<Next>;
  restart(service: ReplicatedService = this.#service): ServiceRun<never> {
    const { name } = this.#service;
    if (service.name !== name)
      throw new TypeError(`restart: expected another build of ${name}, found ${service.name}`);
    const engine = this.#start(service);
    const lacking = engine.system.lackingFor({ kind: "no-op" });
    if (lacking !== undefined)
      throw new TypeError(
        `version ${lacking.version} of ${lacking.service} is in force: expected a build that offers it, found one ` +
          `with ${offerText(lacking.offered)}; set oldestVersion, and look at context.version in its handlers`,
      );
    this.#engine = engine;
    this.#service = service;
    this.#described = this.#describe(service);
    // The same build says nothing new: a run with restarts is compared with one without.
    const said = engine.system.reports.latest.get("run")?.offers;
    if (!isDeepStrictEqual(said, engine.system.offers)) this.report();
    return this as unknown as ServiceRun<never>;
  }

  /** Says in the log what its build offers, as a replica does. A restart with a build that offers something else does too. */
  report(): void {
    this.#system(this.#report());
  }

  /** The version in force; undefined before the first command. */
  get version(): number | undefined {
    return this.#engine.system.versions.all.get(this.#service.name);
  }

  /** Switches to another version, as `synod service switch` does. Throws when the build does not offer it. */
  switchVersion(version: number): void {
    const said = encodeSaid({ service: this.#service.name, version });
    const { status, message } = this.#system(systemCommand(switchVersionMethod, said));
    if (status !== 0) throw new TypeError(message);
  }

  #report(): Command {
    const { offers, ground, reports } = this.#engine.system;
    const number = reports.nextNumber("run");
    const said = { replica: "run", store: "run", number, slot: 0, hash: "", earlier: [], offers, ground };
    return systemCommand(reportMethod, encodeSaid(said));
  }

  #system(command: Command): Answer {
    return this.#apply([command])[0] as Answer;
  }

  #describe(service: ReplicatedService): DescribedService {
    return this.#loader(service.descriptors).services.get(service.name) as DescribedService;
  }

  #start(service: ReplicatedService): Engine {
    return new Engine({
      state: this.#state,
      genesis,
      configurationCodec: noConfigurations,
      services: [(this.#sharedRealm ? service : inRealm(service)).bind(this.#loader)],
      onHandlerError: (error) => {
        this.#error = error;
      },
    });
  }

  #lastError(): HandlerError | undefined {
    return this.#error;
  }
}

function systemCommand(method: string, request: Uint8Array): Command {
  return { clientId: "run", sequence: 1, acknowledged: 0, service: systemService, method, request };
}

/** Runs a service in memory. Throws, naming every problem, when it does not fit its proto. */
export function run<Calls>(service: ReplicatedService<Calls>, options: RunOptions): ServiceRun<Calls> {
  return new ServiceRun(service, options);
}

import { randomInt } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import {
  type Command,
  type FromLeader,
  type Member,
  type Peer,
  Replica,
  type ReplicaInput,
  type ToLeader,
  type Value,
} from "@synod/core";
import {
  type BoundService,
  type Decided,
  Engine,
  type HandlerError,
  openedSession,
  type ReplicatedService,
} from "@synod/state-machine";
import type { ReplicaStore } from "@synod/storage";
import {
  batch,
  decodeValue,
  encodeValue,
  type LogPage,
  type LogRequest,
  leaderService,
  loadServices,
  type OpenedSession,
  type Response,
  replicaService,
  type Status,
} from "@synod/wire";
import { waitMs } from "./callers.js";
import { Driver } from "./driver.js";
import { ExecuteStream, type ExecuteStreamCall } from "./execute-stream.js";
import {
  connectedInput,
  type Host,
  type HostOptions,
  helloOf,
  hostServer,
  incarnationLimit,
  statusOf,
} from "./host.js";
import { Link } from "./link.js";
import { advanceAfterMs, advanceCheckMs, LogClock } from "./log-clock.js";
import { advanceTimeCommand, openSessionCommand } from "./own-session.js";
import { quorumProblem } from "./quorum-text.js";
import { addReplicatedServices, executeOne } from "./replicated-services.js";
import { Requests } from "./requests.js";
import { type Server, type UnaryCall, unary } from "./server.js";

export interface ReplicaHostOptions extends HostOptions {
  /** Opened, with an `onFailure` that ends the process with exit code 7; the host closes it. */
  readonly store: ReplicaStore;
  /** Bound to the codecs of their own descriptors here; one that does not fit its proto is refused. */
  readonly services: readonly ReplicatedService[];
  /** Told what a handler threw that its service does not declare, besides the log. */
  readonly onHandlerError?: (failure: HandlerError) => void;
  /** For tests. */
  readonly logClock?: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  /** Descriptor sets of services that do not come with Synod, for reflection. */
  readonly descriptorSets?: readonly Uint8Array[];
}

/** Slots known to be decided and not applied, beyond which a replica is behind and says NOT_SERVING. */
const maxSlotsBehind = 64;

/** What was applied and is not on disk, beyond which a replica takes nothing more until a flush has ended. */
const maxPendingBytes = 256 << 20;
const pendingCheckMs = 20;

/** Until a proposal that only carries time counts as lost. */
const advanceAgainMs = 2_000;

const logPage = { slots: 1_000, bytes: 1 << 20 } as const;

/** A replica as a service: the role and its driver, the replicated services on its store, and clients' requests. */
export class ReplicaHost implements Host {
  readonly #options: ReplicaHostOptions;
  readonly #services: readonly BoundService[];
  readonly #engine: Engine;
  readonly #clock: LogClock;
  readonly #replica: Replica;
  readonly #driver: Driver<ReplicaInput>;
  readonly #leaders = new Map<string, Link<ToLeader, FromLeader>>();
  readonly #requests: Requests;
  readonly #streams = new Set<ExecuteStream>();
  /** Answers that the streams' clients have not taken. */
  readonly #unread = { bytes: 0 };
  readonly #server: Server;
  #gathered: Command[] = [];
  #port = 0;
  #advancing: NodeJS.Timeout | undefined;
  /** When log time was moved last without a command to carry it, by the clock that counts waits. */
  #advancedAt: number | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ReplicaHostOptions) {
    this.#options = options;
    const { id, genesis, limits, logger, store, services } = options;
    this.#services = services.map((service) => service.bind(loadServices));
    this.#engine = new Engine({
      state: store.state,
      genesis,
      services: this.#services,
      onHandlerError: (failure) => {
        const { error, ...where } = failure;
        logger.error({ ...where, err: error }, "a handler failed in a way it does not declare");
        options.onHandlerError?.(failure);
      },
    });
    const { monotonicMs, wallMs } = options.logClock ?? {};
    this.#clock = new LogClock(this.#engine.logTimeMs, monotonicMs, wallMs);
    this.#replica = new Replica({
      id,
      incarnation: randomInt(1, incarnationLimit),
      genesis,
      configurations: this.#engine.configurations,
      slotOut: this.#engine.appliedSlot + 1,
      encodeBatch: (commands) => batch.encode({ commands, logTimeMs: this.#clock.proposedMs }),
      limits,
    });
    this.#requests = new Requests({
      engine: this.#engine,
      propose: (command) => {
        this.#gathered.push(command);
        this.#driver.wake();
      },
      obstacle: () => this.#obstacle,
    });
    this.#driver = new Driver<ReplicaInput>({
      role: this.#replica,
      tickMs: limits.tickMs,
      logger,
      gather: () => this.#gather(),
      send: (to, message) => this.#leaders.get(to.id)?.send(message as ToLeader),
      apply: (slot, value) => this.#apply(slot, value),
      refuse: (command, reason) => this.#requests.refused(command, reason),
      onFatal: options.onFatal,
    });
    for (const leader of genesis.configuration.leaders) this.#leaders.set(leader.id, this.#link(leader));
    const names = ["synod.v1.Replica", ...services.map((service) => service.name)];
    this.#server = hostServer(options, () => this.status(), names, options.descriptorSets);
    this.#addServices();
  }

  get port(): number {
    return this.#port;
  }

  /** It knows who could decide, and has applied (nearly) all that is decided. */
  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#problem === "";
  }

  async start(): Promise<void> {
    this.#port = await this.#server.listen(this.#options.listen);
    this.#driver.start();
    for (const link of this.#leaders.values()) link.start();
    this.#requests.start();
    this.#advancing = setInterval(() => this.#advanceTime(), advanceCheckMs);
    this.#advancing.unref();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { leader = "", unreachable: _, ...state } = this.#replica.status();
    const peers = [...this.#leaders.values()].map((link) => link.status);
    return statusOf(this.#options, this.serving, this.#problem, peers, {
      role: "replica",
      ...state,
      leader,
      hash: this.#engine.hash,
      durableSlot: this.#options.store.durableSlot,
    });
  }

  get #problem(): string {
    const { highestKnown, slotOut } = this.#replica.status();
    const behind = highestKnown - slotOut + 1;
    if (behind > maxSlotsBehind)
      return `${behind} slots behind: catching up from slot ${slotOut} to ${highestKnown}`;
    return this.#obstacle;
  }

  /** Why nothing can be decided now; empty when nothing stands in the way. */
  get #obstacle(): string {
    const { leader, unreachable } = this.#replica.status();
    const acceptors = this.#options.genesis.configuration.acceptors.map((acceptor) => acceptor.id);
    const quorum = quorumProblem(acceptors, unreachable);
    if (quorum !== "" || leader !== undefined) return quorum;
    const links = [...this.#leaders.values()].map((link) => link.status);
    const connected = links.filter((link) => link.connected).map((link) => link.id);
    if (connected.length === 0)
      return `no active leader known: ${links.map(({ id, problem }) => `${id}: ${problem}`).join("; ")}`;
    return `no active leader known: none of ${connected.join(", ")} leads yet`;
  }

  #link({ id, address }: Member): Link<ToLeader, FromLeader> {
    const peer: Peer = { role: "leader", id };
    return new Link<ToLeader, FromLeader>({
      expected: { ...peer, address },
      method: leaderService.Attach,
      credentials: this.#options.channelCredentials,
      hello: () =>
        helloOf(this.#options, {
          role: "replica",
          configurations: this.#replica.configurations,
          slotOut: this.#replica.slotOut,
        }),
      onConnected: (hello) => this.#driver.post(connectedInput(peer, hello)),
      onDisconnected: () => this.#driver.post({ kind: "disconnected", peer }),
      onMessage: (message) => this.#driver.post({ kind: "message", from: peer, message }) && this.#keepsUp,
      whenRoom: (callback) => this.#whenKeepingUp(() => this.#driver.whenRoom(callback)),
    });
  }

  /** The disk takes what is applied. */
  get #keepsUp(): boolean {
    return this.#options.store.pendingBytes <= maxPendingBytes;
  }

  #whenKeepingUp(callback: () => void): void {
    if (this.#keepsUp || this.#stopping) callback();
    else setTimeout(() => this.#whenKeepingUp(callback), pendingCheckMs).unref();
  }

  /**
   * Log time moves with batches alone. While something waits for it and nobody else proposes, this replica proposes a
   * command that does nothing: one at a time, and again only when that one seems lost.
   */
  #advanceTime(): void {
    if (this.#engine.nextDueMs === undefined || this.#stopping || this.#obstacle !== "") return;
    const { elapsedMs } = this.#clock;
    if (elapsedMs < advanceAfterMs(this.#position)) this.#advancedAt = undefined;
    else if (this.#advancedAt === undefined || elapsedMs - this.#advancedAt > advanceAgainMs) {
      this.#advancedAt = elapsedMs;
      this.#gathered.push(advanceTimeCommand());
      this.#driver.wake();
    }
  }

  /** Of this replica among all. */
  get #position(): number {
    const { id, genesis } = this.#options;
    const position = genesis.configuration.replicas.findIndex((replica) => replica.id === id);
    return Math.max(0, position);
  }

  /** All commands of one turn are one input, so that they share a batch (rule 13). */
  #gather(): ReplicaInput | undefined {
    if (this.#gathered.length === 0) return undefined;
    const commands = this.#gathered;
    this.#gathered = [];
    return { kind: "requests", commands };
  }

  /** PMMC's perform(): executes a slot, keeps it in the log, and answers whoever waits here (rule 17). */
  #apply(slot: number, value: Value): void {
    const decided = this.#decided(slot, value);
    const answers = this.#engine.apply(slot, decided);
    this.#clock.applied(this.#engine.logTimeMs);
    this.#options.store.log.append(slot, encodeValue(value));
    if (decided.kind !== "batch") return;
    decided.commands.forEach((command, index) => {
      const answer = answers[index];
      if (answer) this.#requests.executed(command, answer);
    });
  }

  /** A batch that is no batch was decided all the same: it does nothing, on every replica alike. */
  #decided(slot: number, value: Value): Decided {
    if (value.kind !== "batch") return value;
    try {
      return { kind: "batch", ...batch.decode(value.commands) };
    } catch (error) {
      this.#options.logger.error(
        { slot, err: error },
        "a decided batch cannot be decoded; it counts as a no-op",
      );
      return { kind: "no-op" };
    }
  }

  #addServices(): void {
    const { grpc: server } = this.#server;
    server.addService(replicaService, {
      OpenSession: unary((call: UnaryCall<unknown>) => this.#openSession(call)),
      Execute: unary((call: UnaryCall<Command>) => this.#execute(call)),
      ExecuteStream: (call: ExecuteStreamCall) => this.#executeStream(call),
      Log: unary((call: UnaryCall<LogRequest>) => ({ response: this.#log(call.request) })),
    });
    addReplicatedServices(server, this.#services, this.#requests, (service, method, request) =>
      this.#engine.query(service, method, request),
    );
  }

  async #openSession(call: UnaryCall<unknown>): Promise<{ response: OpenedSession }> {
    const { response } = await executeOne(this.#requests, call, openSessionCommand());
    return { response: { clientId: openedSession(response) } };
  }

  /** The command's own status stands in the response; the call itself fails only when there is none. */
  async #execute(call: UnaryCall<Command>): Promise<{ response: Response }> {
    const response = await new Promise<Response>((resolve) => {
      const group = this.#requests.submit([call.request], waitMs(call), (_, answer) => resolve(answer));
      call.onCancelled(() => group.cancel());
    });
    return { response };
  }

  #executeStream(call: ExecuteStreamCall): void {
    const stream = new ExecuteStream(call, {
      requests: this.#requests,
      readable: () => this.#keepsUp,
      whenReadable: (callback) => this.#whenKeepingUp(callback),
      onEnded: (ended) => this.#streams.delete(ended),
      unread: this.#unread,
    });
    this.#streams.add(stream);
  }

  #log({ from, limit }: LogRequest): LogPage {
    const slots = limit === 0 ? logPage.slots : Math.min(limit, logPage.slots);
    const { entries, next } = this.#options.store.log.page(Math.max(1, from), slots, logPage.bytes);
    const decisions = entries.map(
      ({ slot, value }) => ({ kind: "decision", slot, value: decodeValue(value) }) as const,
    );
    return { decisions, next };
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    clearInterval(this.#advancing);
    this.#requests.close();
    // The answers of `close` leave first.
    await new Promise((resolve) => setImmediate(resolve));
    for (const stream of this.#streams)
      stream.end(grpc.status.UNAVAILABLE, "this replica is shutting down; ask another one");
    for (const link of this.#leaders.values()) link.close();
    await Promise.all([this.#driver.stop(), this.#server.stop()]);
    await this.#options.store.close();
  }
}

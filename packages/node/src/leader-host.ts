import { randomInt } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import {
  type Decision,
  type FromAcceptor,
  type FromLeader,
  Leader,
  type LeaderInput,
  type Message,
  type Peer,
  type Propose,
  proposalKey,
  proposalOf,
  type ToAcceptor,
  type ToLeader,
} from "@synod/core";
import { acceptorService, type Hello, leaderService, type PeerStatus, type Status } from "@synod/wire";
import { Driver } from "./driver.js";
import {
  connectedInput,
  type Host,
  type HostOptions,
  helloOf,
  hostServer,
  incarnationLimit,
  statusOf,
} from "./process/host.js";
import { contradictionText, quorumProblem } from "./quorum-text.js";
import { Attachments, type ServerStream } from "./transport/attachments.js";
import { Callers } from "./transport/callers.js";
import { rolledBack } from "./transport/hello.js";
import { Link } from "./transport/link.js";
import { inputBytes } from "./transport/message-bytes.js";
import { CallError, type Server, type UnaryCall, unary } from "./transport/server.js";

export type LeaderHostOptions = HostOptions;

const claimsCheckMs = 500;

/** The two streams to an acceptor, each on a connection of its own: heartbeats never wait behind votes (rule 11). */
interface AcceptorLinks {
  readonly votes: Link<ToAcceptor, FromAcceptor>;
  readonly heartbeats: Link<ToAcceptor, FromAcceptor>;
  connected: boolean;
  /** The most starts of the bound store that it has told of. */
  starts: number;
  /** What a person should know of its store though it counts; empty when nothing. */
  warning: string;
}

/** A leader as a service: the role and its driver, streams to acceptors and fellow leaders, and those of replicas. */
export class LeaderHost implements Host {
  readonly #options: LeaderHostOptions;
  readonly #leader: Leader;
  readonly #driver: Driver<LeaderInput>;
  readonly #acceptors = new Map<string, AcceptorLinks>();
  readonly #fellows = new Map<string, Link<ToLeader, FromLeader>>();
  readonly #attached: Attachments<FromLeader, ToLeader>;
  readonly #callers = new Callers();
  readonly #server: Server;
  #port = 0;
  #claimsWatch: NodeJS.Timeout | undefined;
  /** Who contradicts the acceptors, as last told to the log. */
  #contradicted = "";
  #stopping: Promise<void> | undefined;

  constructor(options: LeaderHostOptions) {
    this.#options = options;
    const { id, genesis, limits, logger } = options;
    const incarnation = randomInt(1, incarnationLimit);
    this.#leader = new Leader({ id, incarnation, genesis, limits, random: Math.random });
    this.#driver = new Driver<LeaderInput>({
      role: this.#leader,
      tickMs: limits.tickMs,
      logger,
      bytesOf: inputBytes,
      send: (to, message) => this.#send(to, message),
      onFatal: options.onFatal,
    });
    this.#attached = new Attachments<FromLeader, ToLeader>({
      method: "synod.v1.Leader/Attach",
      accepts: ["replica", "leader"],
      hello: () => this.#hello(),
      onConnected: (peer, hello) => this.#driver.post(connectedInput(peer, hello)),
      onDisconnected: (peer) => this.#driver.post({ kind: "disconnected", peer }),
      onMessage: (from, message) => this.#driver.post({ kind: "message", from, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
    for (const acceptor of genesis.configuration.acceptors)
      this.#acceptors.set(acceptor.id, this.#acceptorLinks(acceptor));
    for (const fellow of genesis.configuration.leaders) {
      if (fellow.id !== id) this.#fellows.set(fellow.id, this.#fellowLink(fellow.id, fellow.address));
    }
    this.#server = hostServer(options, () => this.status(), ["synod.v1.Leader"]);
    this.#server.grpc.addService(leaderService, {
      Attach: (call: ServerStream<FromLeader, ToLeader>) => this.#attached.serve(call),
      Submit: unary((call: UnaryCall<Propose>) => this.#submit(call)),
    });
  }

  get port(): number {
    return this.#port;
  }

  /** It reaches a majority of the acceptors; whether it leads is no matter of health. */
  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#obstacle === "";
  }

  async start(): Promise<void> {
    this.#port = await this.#server.listen(this.#options.listen);
    this.#driver.start();
    this.#claimsWatch = setInterval(() => this.#watchClaims(), claimsCheckMs).unref();
    for (const link of this.#links) link.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    return statusOf(this.#options, this.serving, this.#problem, this.#peers(), {
      role: "leader",
      ...this.#leader.status(),
    });
  }

  get #links(): Link<never, never>[] {
    const toAcceptors = [...this.#acceptors.values()].flatMap(({ votes, heartbeats }) => [votes, heartbeats]);
    return [...toAcceptors, ...this.#fellows.values()] as unknown as Link<never, never>[];
  }

  get #problem(): string {
    return this.#obstacle || contradictionText(this.#leader.status());
  }

  /** Why it could not lead. */
  get #obstacle(): string {
    const { unreachable, phase, contradicted } = this.#leader.status();
    if (contradicted.length > 0 && phase !== "active") return contradictionText({ phase, contradicted });
    // An acceptor whose store is not the bound one can be talked to, and does not count (rule 5).
    const unfit = [...this.#acceptors]
      .filter(([, { votes }]) => votes.status.problem !== "")
      .map(([id]) => id);
    return quorumProblem([...this.#acceptors.keys()], [...unreachable, ...unfit]);
  }

  #peers(): PeerStatus[] {
    const acceptors = [...this.#acceptors.values()].map(({ votes, heartbeats, connected, warning }) => ({
      ...votes.status,
      connected,
      problem: votes.status.problem || heartbeats.status.problem || warning,
    }));
    const fellows = [...this.#fellows.values()].map((link) => link.status);
    const replicas = this.#attached
      .peers()
      .filter(({ peer }) => peer.role === "replica")
      .map(({ peer, address }) => ({ ...peer, address, connected: true, problem: "" }));
    return [...acceptors, ...fellows, ...replicas];
  }

  /** Tells the log once of each who claims what the acceptors know nothing of. */
  #watchClaims(): void {
    const state = this.#leader.status();
    const { contradicted } = state;
    const names = contradicted.map(({ peer }) => peer.id).join();
    if (names !== this.#contradicted && names !== "")
      this.#options.logger.warn({ contradicted }, contradictionText(state));
    this.#contradicted = names;
  }

  #hello(): Hello {
    return helloOf(this.#options, {
      role: "leader",
      configurations: [],
      slotOut: this.#leader.slotOut,
    });
  }

  #acceptorLinks({ id, address, store }: { id: string; address: string; store: string }): AcceptorLinks {
    const peer: Peer = { role: "acceptor", id };
    let votesHello: Hello | undefined;
    // The role hears of an acceptor when both streams stand, and again of its loss when the first one breaks.
    const both = () => {
      const connected = links.votes.connected && links.heartbeats.connected;
      if (connected === links.connected) return;
      links.connected = connected;
      if (connected && votesHello) this.#driver.post(connectedInput(peer, votesHello));
      else this.#driver.post({ kind: "disconnected", peer });
    };
    const link = (onHello: (hello: Hello) => void) =>
      new Link<ToAcceptor, FromAcceptor>({
        expected: {
          ...peer,
          address,
          bound: { configuration: this.#options.genesis.configuration.number, store },
        },
        method: acceptorService.Vote,
        credentials: this.#options.channelCredentials,
        hello: () => this.#hello(),
        onConnected: (hello) => {
          onHello(hello);
          both();
        },
        onDisconnected: both,
        onMessage: (message) => this.#driver.post({ kind: "message", from: peer, message }),
        whenRoom: (callback) => this.#driver.whenRoom(callback),
      });
    const votes = link((hello) => {
      // Another store counts its own starts, and its votes do not count anyway.
      if (hello.store === store) this.#watchStarts(id, links, hello.startCount ?? 0);
      votesHello = hello;
    });
    const heartbeats = link(() => {});
    const links: AcceptorLinks = { votes, heartbeats, connected: false, starts: 0, warning: "" };
    return links;
  }

  /**
   * Rule 5: only replacing an acceptor with an old copy of its store cures it; until then somebody should know, and the
   * warning stays when the count has grown again. Noticed is a count below the highest that this leader has seen since it
   * started. Not noticed: what happened before it started, and a copy from before the last start only, whose count is the
   * same after its own.
   */
  #watchStarts(acceptor: string, links: AcceptorLinks, starts: number): void {
    if (starts < links.starts) {
      links.warning = rolledBack(starts, links.starts);
      this.#options.logger.warn({ acceptor, starts, startsBefore: links.starts }, links.warning);
    }
    links.starts = Math.max(links.starts, starts);
  }

  #fellowLink(id: string, address: string): Link<ToLeader, FromLeader> {
    const peer: Peer = { role: "leader", id };
    return new Link<ToLeader, FromLeader>({
      expected: { ...peer, address },
      method: leaderService.Attach,
      credentials: this.#options.channelCredentials,
      hello: () => this.#hello(),
      onConnected: (hello) => this.#driver.post(connectedInput(peer, hello)),
      onDisconnected: () => this.#driver.post({ kind: "disconnected", peer }),
      onMessage: (message) => this.#driver.post({ kind: "message", from: peer, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
  }

  #send(to: Peer, message: Message): void {
    switch (message.kind) {
      case "heartbeat":
      case "pre-vote":
        this.#acceptors.get(to.id)?.heartbeats.send(message);
        return;
      case "p1a":
      case "p2a":
      case "trim":
        this.#acceptors.get(to.id)?.votes.send(message);
        return;
      case "propose":
      case "question":
      case "ping":
      case "replica-status":
        this.#fellows.get(to.id)?.send(message);
        return;
      default:
        if (!this.#callers.deliver(to.id, message)) this.#attached.send(to, message as FromLeader);
    }
  }

  /** The caller stands for a replica: it hears every decision, and takes the one of its proposal. */
  async #submit(call: UnaryCall<Propose>): Promise<{ response: Decision }> {
    const { request } = call;
    const proposal = proposalOf(request.value);
    if (!proposal)
      throw new CallError(
        grpc.status.INVALID_ARGUMENT,
        "Propose.value: expected a value with a proposal id, found a no-op",
      );
    const key = proposalKey(proposal);
    let peer: Peer | undefined;
    let again: NodeJS.Timeout | undefined;
    try {
      const response = await this.#callers.ask<Decision>({
        call,
        ask: (id) => {
          const from: Peer = { role: "replica", id };
          const propose = () => this.#driver.post({ kind: "message", from, message: request });
          peer = from;
          this.#driver.post({ kind: "connected", peer, slotOut: 0, configurations: [] });
          propose();
          // Like a replica: until it is decided (rule 14).
          const { reproposeTicks, tickMs } = this.#options.limits;
          again = setInterval(propose, reproposeTicks * tickMs);
        },
        take: (message) => {
          if (message.kind !== "decision") return undefined;
          const decided = proposalOf(message.value);
          return decided && proposalKey(decided) === key ? message : undefined;
        },
        describe: (waitedMs) => {
          const { phase } = this.#leader.status();
          return `not decided within ${waitedMs} ms: ${this.#problem || `this leader is ${phase}`}`;
        },
      });
      return { response };
    } finally {
      clearInterval(again);
      if (peer) this.#driver.post({ kind: "disconnected", peer });
    }
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    clearInterval(this.#claimsWatch);
    this.#callers.close();
    for (const link of this.#links) link.close();
    this.#attached.close();
    await Promise.all([this.#driver.stop(), this.#server.stop()]);
  }
}

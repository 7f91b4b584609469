import {
  Acceptor,
  type AcceptorInput,
  type FromAcceptor,
  type Message,
  type P1b,
  type P2b,
  type Peer,
  type ToAcceptor,
} from "@synod/core";
import type { AcceptorStore } from "@synod/storage";
import { acceptorService, type Status } from "@synod/wire";
import { Driver } from "./driver.js";
import {
  connectedInput,
  type Host,
  type HostOptions,
  helloOf,
  hostServer,
  statusOf,
} from "./process/host.js";
import { Attachments, type ServerStream } from "./transport/attachments.js";
import { Callers } from "./transport/callers.js";
import { unboundStore } from "./transport/hello.js";
import { inputBytes } from "./transport/message-bytes.js";
import { type Server, type UnaryCall, unary } from "./transport/server.js";

export interface AcceptorHostOptions extends HostOptions {
  /** Opened; the host closes it. */
  readonly store: AcceptorStore;
}

/** Messages that must never wait behind votes have a stream of their own (rule 11). */
function laneOf({ kind }: ToAcceptor | FromAcceptor): string {
  return kind === "heartbeat" || kind === "heartbeat-ack" || kind === "pre-vote" || kind === "pre-vote-answer"
    ? "heartbeats"
    : "votes";
}

/** An acceptor as a service: the role, its driver and store, and the streams of the leaders. */
export class AcceptorHost implements Host {
  readonly #options: AcceptorHostOptions;
  readonly #acceptor: Acceptor;
  readonly #driver: Driver<AcceptorInput>;
  readonly #leaders: Attachments<FromAcceptor, ToAcceptor>;
  readonly #callers = new Callers();
  readonly #server: Server;
  #port = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: AcceptorHostOptions) {
    this.#options = options;
    const { id, store, limits, logger } = options;
    this.#acceptor = new Acceptor({
      id,
      store: store.identity.store,
      state: store.state,
      log: store,
      limits,
    });
    this.#driver = new Driver<AcceptorInput>({
      role: this.#acceptor,
      tickMs: limits.tickMs,
      logger,
      bytesOf: inputBytes,
      journal: store,
      send: (to, message) => this.#send(to, message as FromAcceptor),
      onFatal: options.onFatal,
    });
    this.#leaders = new Attachments<FromAcceptor, ToAcceptor>({
      method: "synod.v1.Acceptor/Vote",
      accepts: ["leader"],
      hello: () =>
        helloOf(options, {
          role: "acceptor",
          store: store.identity.store,
          startCount: store.identity.startCount,
          configurations: this.#acceptor.configurations,
          slotOut: 0,
        }),
      laneOf,
      onConnected: (peer, hello) => this.#driver.post(connectedInput(peer, hello)),
      onDisconnected: (peer) => this.#driver.post({ kind: "disconnected", peer }),
      onMessage: (from, message) => this.#driver.post({ kind: "message", from, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
    this.#server = hostServer(options, () => this.status(), ["synod.v1.Acceptor"]);
    this.#server.grpc.addService(acceptorService, {
      Vote: (call: ServerStream<FromAcceptor, ToAcceptor>) => this.#leaders.serve(call),
      Prepare: unary((call: UnaryCall<ToAcceptor>) =>
        this.#ask<P1b>(call, (answer) => (answer.kind === "p1b" ? answer : undefined)),
      ),
      Accept: unary((call: UnaryCall<ToAcceptor>) =>
        this.#ask<P2b>(call, (answer) => (answer.kind === "p2b" ? answer : undefined)),
      ),
    });
  }

  get port(): number {
    return this.#port;
  }

  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#problem === "";
  }

  async start(): Promise<void> {
    this.#driver.start();
    this.#port = await this.#server.listen(this.#options.listen);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { store } = this.#options;
    const peers = this.#leaders
      .peers()
      .map(({ peer, address }) => ({ ...peer, address, connected: true, problem: "" }));
    return statusOf(this.#options, this.serving, this.#problem, peers, {
      role: "acceptor",
      store: store.identity.store,
      startCount: store.identity.startCount,
      ...this.#acceptor.status(),
    });
  }

  /** Why its answers will not count (rule 5); empty when they will. It answers all the same: leaders judge. */
  get #problem(): string {
    const { id, genesis, store } = this.#options;
    const { number, acceptors } = genesis.configuration;
    const bound = acceptors.find((acceptor) => acceptor.id === id)?.store ?? "none";
    return unboundStore({ configuration: number, store: bound }, store.identity.store) ?? "";
  }

  async #ask<Answer>(
    call: UnaryCall<ToAcceptor>,
    take: (message: Message) => Answer | undefined,
  ): Promise<{ response: Answer }> {
    const { request } = call;
    const ask = (id: string) =>
      this.#driver.post({ kind: "message", from: { role: "leader", id }, message: request });
    const describe = (waitedMs: number) =>
      `not on disk within ${waitedMs} ms: the disk is slow, or the deadline short`;
    return { response: await this.#callers.ask({ call, ask, take, describe }) };
  }

  #send(to: Peer, message: FromAcceptor): void {
    if (!this.#callers.deliver(to.id, message)) this.#leaders.send(to, message);
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    this.#callers.close();
    this.#leaders.close();
    await Promise.all([this.#driver.stop(), this.#server.stop()]);
    await this.#options.store.close();
  }
}

import {
  Acceptor,
  type AcceptorInput,
  type FromAcceptor,
  type Genesis,
  type Limits,
  type Peer,
  type ToAcceptor,
} from "@synod/core";
import type { AcceptorStore } from "@synod/storage";
import type { PeerStatus, Scheduler } from "@synod/wire";
import { Driver, type DriverLogger, type Journal } from "../driver.js";
import { Attachments, type ServerStream } from "../transport/attachments.js";
import { unboundStore } from "../transport/hello.js";
import { connectedInput, helloOf } from "../transport/hello-of.js";
import type { Loses } from "../transport/loses.js";
import { inputBytes } from "../transport/message-bytes.js";

export interface AcceptorProcessOptions {
  readonly id: string;
  readonly clusterId: string;
  readonly genesis: Genesis;
  readonly limits: Limits;
  /** Opened; whoever opened it closes it. */
  readonly store: AcceptorStore;
  /** The store, unless somebody looks at what is written. */
  readonly journal?: Journal | undefined;
  readonly logger: DriverLogger;
  readonly scheduler?: Scheduler | undefined;
  /** True when the answer belongs to somebody here and not to a peer on a stream. */
  readonly deliver?: ((to: Peer, message: FromAcceptor) => boolean) | undefined;
  readonly loses?: Loses | undefined;
  /** The process must end with this exit code, at once. */
  onFatal(code: number, error: unknown): void;
}

/** Messages that must never wait behind votes have a stream of their own (rule 11). */
function laneOf({ kind }: ToAcceptor | FromAcceptor): string {
  return kind === "heartbeat" || kind === "heartbeat-ack" || kind === "pre-vote" || kind === "pre-vote-answer"
    ? "heartbeats"
    : "votes";
}

/** An acceptor without its server: the role under its driver, its store, and the streams that leaders open. */
export class AcceptorProcess {
  readonly role: Acceptor;
  readonly #options: AcceptorProcessOptions;
  readonly #driver: Driver<AcceptorInput>;
  readonly #leaders: Attachments<FromAcceptor, ToAcceptor>;

  constructor(options: AcceptorProcessOptions) {
    this.#options = options;
    const { id, store, limits, logger, scheduler, journal = store } = options;
    this.role = new Acceptor({ id, store: store.identity.store, state: store.state, log: store, limits });
    this.#driver = new Driver<AcceptorInput>({
      ...{ role: this.role, tickMs: limits.tickMs, logger, bytesOf: inputBytes, journal, scheduler },
      waitsForDisk: (input) => input.kind === "message" && laneOf(input.message) === "votes",
      send: (to, message) => this.#send(to, message as FromAcceptor),
      onFatal: (code, error) => options.onFatal(code, error),
    });
    this.#leaders = new Attachments<FromAcceptor, ToAcceptor>({
      method: "synod.v1.Acceptor/Vote",
      accepts: ["leader"],
      hello: () =>
        helloOf(options, {
          role: "acceptor",
          store: store.identity.store,
          startCount: store.identity.startCount,
          configurations: this.role.configurations,
          slotOut: 0,
        }),
      laneOf,
      scheduler,
      onConnected: (peer, hello) => this.post(connectedInput(peer, hello)),
      onDisconnected: (peer) => this.post({ kind: "disconnected", peer }),
      onMessage: (from, message) => this.post({ kind: "message", from, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
  }

  start(): void {
    this.#driver.start();
  }

  /** Serves a stream that a leader opened. */
  serve(stream: ServerStream<FromAcceptor, ToAcceptor>): void {
    this.#leaders.serve(stream);
  }

  /** Hands an input to the role. False asks for no more until the driver has room. */
  post(input: AcceptorInput): boolean {
    return this.#driver.post(input);
  }

  /** False when the disk is so far behind that it should not be given more. */
  get hasRoom(): boolean {
    return this.#driver.hasRoom;
  }

  get peers(): readonly PeerStatus[] {
    return this.#leaders
      .peers()
      .map(({ peer, address }) => ({ ...peer, address, connected: true, problem: "" }));
  }

  /** The reason why its answers do not count (rule 5); empty when they do. It answers all the same: leaders judge. */
  get problem(): string {
    const { id, genesis, store } = this.#options;
    const { number, acceptors } = genesis.configuration;
    const bound = acceptors.find((acceptor) => acceptor.id === id)?.store ?? "none";
    return unboundStore({ configuration: number, store: bound }, store.identity.store) ?? "";
  }

  /** Ends the streams; `stop` follows. */
  disconnect(): void {
    this.#leaders.close();
  }

  /** Resolves when everything that was posted is done and on disk. */
  stop(): Promise<void> {
    return this.#driver.stop();
  }

  #send(to: Peer, message: FromAcceptor): void {
    const { deliver, loses } = this.#options;
    if (!deliver?.(to, message) && !loses?.(to, message)) this.#leaders.send(to, message);
  }
}

import type { FromAcceptor, Genesis, LeaderInput, Peer, ToAcceptor } from "@synod/core";
import { acceptorService, type Hello, type PeerStatus, type Scheduler } from "@synod/wire";
import type { Dial } from "../transport/dial.js";
import { rolledBack } from "../transport/hello.js";
import { connectedInput } from "../transport/hello-of.js";
import { Link } from "../transport/link.js";

export interface AcceptorLinksOptions {
  readonly acceptor: Genesis["configuration"]["acceptors"][number];
  /** Number of the configuration that binds the acceptor to its store. */
  readonly configuration: number;
  readonly dial: Dial;
  readonly scheduler?: Scheduler | undefined;
  readonly random?: (() => number) | undefined;
  hello(): Hello;
  /** Hands an input to the role. False asks to read no more until `whenRoom` calls back. */
  post(input: LeaderInput): boolean;
  whenRoom(callback: () => void): void;
  warn(fields: object, text: string): void;
}

/** The two streams to an acceptor, each on a connection of its own: heartbeats never wait behind votes (rule 11). */
export class AcceptorLinks {
  readonly #options: AcceptorLinksOptions;
  readonly #peer: Peer;
  readonly #votes: Link<ToAcceptor, FromAcceptor>;
  readonly #heartbeats: Link<ToAcceptor, FromAcceptor>;
  #connected = false;
  #votesHello: Hello | undefined;
  /** The most starts of the bound store that it has told of. */
  #starts = 0;
  /** A warning about its store, for a person, though it counts; empty when there is none. */
  #warning = "";

  constructor(options: AcceptorLinksOptions) {
    this.#options = options;
    const { id, store } = options.acceptor;
    this.#peer = { role: "acceptor", id };
    this.#votes = this.#link((hello) => {
      // Another store counts its own starts, and its votes do not count anyway.
      if (hello.store === store) this.#watchStarts(hello.startCount ?? 0);
      this.#votesHello = hello;
    });
    this.#heartbeats = this.#link(() => {});
  }

  start(): void {
    this.#votes.start();
    this.#heartbeats.start();
  }

  close(): void {
    this.#votes.close();
    this.#heartbeats.close();
  }

  send(message: ToAcceptor): void {
    const beats = message.kind === "heartbeat" || message.kind === "pre-vote";
    (beats ? this.#heartbeats : this.#votes).send(message);
  }

  /** An acceptor whose store is not the bound one can be talked to, and does not count (rule 5). */
  get fit(): boolean {
    return this.#votes.status.problem === "";
  }

  get status(): PeerStatus {
    const { problem, ...status } = this.#votes.status;
    return {
      ...status,
      connected: this.#connected,
      problem: problem || this.#heartbeats.status.problem || this.#warning,
    };
  }

  #link(onHello: (hello: Hello) => void): Link<ToAcceptor, FromAcceptor> {
    const { acceptor, configuration, dial, scheduler, random, hello, post, whenRoom } = this.#options;
    const { address, store } = acceptor;
    return new Link<ToAcceptor, FromAcceptor>({
      expected: { ...this.#peer, address, bound: { configuration, store } },
      method: acceptorService.Vote,
      ...{ dial, scheduler, random, hello, whenRoom },
      onConnected: (hello) => {
        onHello(hello);
        this.#tell();
      },
      onDisconnected: () => this.#tell(),
      onMessage: (message) => post({ kind: "message", from: this.#peer, message }),
    });
  }

  /** The role hears of an acceptor when both streams stand, and again of its loss when the first one breaks. */
  #tell(): void {
    const connected = this.#votes.connected && this.#heartbeats.connected;
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected && this.#votesHello) this.#options.post(connectedInput(this.#peer, this.#votesHello));
    else this.#options.post({ kind: "disconnected", peer: this.#peer });
  }

  /**
   * Rule 5: only replacing an acceptor with an old copy of its store cures it; until then somebody should know, and the
   * warning stays when the count has grown again. Noticed is a count below the highest that this leader has seen since it
   * started. Not noticed: what happened before it started, and a copy from before the last start only, whose count is the
   * same after its own.
   */
  #watchStarts(starts: number): void {
    if (starts < this.#starts) {
      this.#warning = rolledBack(starts, this.#starts);
      this.#options.warn({ acceptor: this.#peer.id, starts, startsBefore: this.#starts }, this.#warning);
    }
    this.#starts = Math.max(this.#starts, starts);
  }
}

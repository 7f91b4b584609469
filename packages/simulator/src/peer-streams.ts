import { describeBallot, type Message, type Random, randomBelow } from "@synod/core";
import { type Dial, type DialedStream, keepaliveMs, type StreamStatus } from "@synod/node/parts";
import type { Method } from "@synod/wire";
import type { Network } from "./network.js";
import type { SimulatedNode } from "./node.js";
import { PeerStream } from "./peer-stream.js";
import type { Trace } from "./trace.js";

/** The parts of a simulated cluster that its streams depend on. */
export interface StreamSurroundings {
  readonly network: Network;
  readonly trace: Trace;
  readonly nodes: readonly SimulatedNode[];
  /** In ticks. */
  readonly now: number;
  readonly options: {
    readonly maxDelay: number;
    readonly bandwidth: number;
    readonly limits: { readonly tickMs: number };
  };
  readonly streams: { readonly network: Random };
  /** Told of what arrives: messages, and hellos that are none. */
  readonly checker: { received(from: string, to: string, message: Message): void };
  /** Told of a connection to an acceptor, before anything is said on it. */
  greeted(acceptor: SimulatedNode): void;
}

const unavailable = 14;

/** The streams that members dial to each other, in worlds of option `streams`. */
export class PeerStreams {
  readonly #world: StreamSurroundings;
  readonly #open = new Set<PeerStream>();

  constructor(world: StreamSurroundings) {
    this.#world = world;
  }

  /** The way in which one life of a process dials others; an address is an id and a port. */
  dialOf(from: SimulatedNode): Dial {
    return <Out, In>(address: string, method: Method<Out, In>) => {
      const to = this.#world.nodes.find(({ peer }) => `${peer.id}:1` === address) as SimulatedNode;
      const { network, options, streams } = this.#world;
      const asked = new Set<string>();
      const stream = new PeerStream({
        ...{ from, to, method: method as Method<unknown, unknown> },
        now: () => this.#world.now,
        bandwidth: options.bandwidth,
        delay: (sender, receiver) =>
          1 +
          randomBelow(streams.network, options.maxDelay) +
          network.slowness(sender.peer.id, receiver.peer.id),
        arrived: (sender, receiver, bytes, message) => {
          const { trace, now, checker } = this.#world;
          checker.received(sender.peer.id, receiver.peer.id, message as Message);
          this.#countCopies(message as Message, asked);
          trace.message(
            now,
            `${sender.peer.id}>${receiver.peer.id}`,
            bytes,
            () => `${sender.peer.id} → ${receiver.peer.id} ${describe(message)}`,
          );
        },
      });
      this.#world.trace.count("stream dialed");
      this.#open.add(stream);
      return {
        stream: stream.dialer as unknown as DialedStream<Out, In>,
        close: (atOnce) => {
          if (atOnce) stream.dialer.cancel();
        },
      };
    };
  }

  /** @param asked the pvalues that this stream has carried */
  #countCopies(message: Message, asked: Set<string>): void {
    if (message.kind !== "p2a") return;
    const { slot, ballot } = message.pvalue;
    const key = `${slot} ${describeBallot(ballot)}`;
    this.#world.trace.count(asked.has(key) ? "pvalue sent again" : "pvalue sent");
    asked.add(key);
  }

  /** A stream from `from` that a node serves has not ended. */
  serves(from: string, node: SimulatedNode): boolean {
    return [...this.#open].some(
      (stream) => stream.to === node && stream.from.peer.id === from && stream.served,
    );
  }

  /** Moves what is due, and breaks what cannot stand any more. */
  tick(): void {
    const { network, now } = this.#world;
    for (const stream of this.#open) {
      const { from, to } = stream;
      if (!stream.dialerLives && !stream.dialedLives) stream.forget();
      else if (!stream.served && network.linked(from.peer.id, to.peer.id)) this.#arrive(stream);
      if (stream.ended) {
        this.#open.delete(stream);
        continue;
      }
      const open = {
        there: !network.cuts(from.peer.id, to.peer.id),
        back: !network.cuts(to.peer.id, from.peer.id),
      };
      stream.move(open);
      // A dead process's machine resets its connections, where that can be heard; otherwise keepalive finds it out.
      if (!stream.dialerLives || !stream.dialedLives) {
        if (open.there && open.back) stream.break({ code: unavailable, details: "Connection dropped" });
      }
      if (!stream.halfOpen && open.there && open.back && !from.paused && !to.paused) stream.heardAt = now;
      else if (now - stream.heardAt > this.#keepaliveTicks)
        stream.break({ code: unavailable, details: "Connection dropped: keepalive timed out" });
      if (stream.ended) this.#open.delete(stream);
    }
  }

  /**
   * Ends the connections between two.
   * @param half only who dialed hears of it
   */
  reset(a: string, b: string, half = false): void {
    for (const stream of this.#open) {
      const ends = [stream.from.peer.id, stream.to.peer.id];
      if (ends.includes(a) && ends.includes(b))
        stream[half && !stream.halfOpen ? "breakHalf" : "break"]({
          code: unavailable,
          details: "read ECONNRESET",
        });
    }
  }

  /** Ends the connections over links that are cut. */
  breakCut(): void {
    for (const stream of this.#open) {
      const { from, to } = stream;
      if (!this.#world.network.linked(from.peer.id, to.peer.id))
        stream.break({ code: unavailable, details: "Connection dropped" });
    }
  }

  get #keepaliveTicks(): number {
    return keepaliveMs / this.#world.options.limits.tickMs;
  }

  /** The connection reaches the process that was dialed, if there is one. */
  #arrive(stream: PeerStream): void {
    const { to } = stream;
    if (to.up && to.peer.role === "acceptor") this.#world.greeted(to);
    if (!to.up) stream.break(refused(to));
    // A process that stands still has its connections accepted for it, and says nothing.
    else if (!to.paused) stream.serve();
  }
}

function refused({ peer }: SimulatedNode): StreamStatus {
  return { code: unavailable, details: `connect ECONNREFUSED ${peer.id}` };
}

function describe(message: unknown): string {
  return (message as { kind?: string }).kind ?? "something that is not valid";
}

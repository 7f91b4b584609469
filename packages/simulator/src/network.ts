import { type Peer, type Random, randomBelow } from "@synod/core";
import type { DelayKind } from "./options.js";

export interface Envelope {
  readonly at: number;
  readonly from: Peer;
  readonly to: Peer;
  readonly bytes: Uint8Array;
  /** It travels on a connection that its receiver opened. */
  readonly answers: boolean;
  /** The connection it travels on; a later one does not deliver it. */
  readonly connection: number;
  /** It waits in the buffers of this life of its receiver, and will be read even if its connection breaks meanwhile. */
  readonly buffered?: number;
}

export interface NetworkOptions {
  /** Probability that a message is lost, and that it is doubled. */
  readonly loss: number;
  readonly duplication: number;
  readonly delay: DelayKind;
  /** Largest usual delay of a message, in ticks; order is not kept. */
  readonly maxDelay: number;
}

/** The longest delay of a message over a slow link, in ticks. */
const slowLinkTicks = 40;

/** Carries messages late, doubled, in any order or never, and cuts pairs apart, in one direction or both. */
export class Network {
  readonly #random: Random;
  /** By direction: how many events cut or slow the link now, so that one that ends does not undo another. */
  readonly #cut = new Map<string, number>();
  readonly #slow = new Map<string, number>();
  #options: NetworkOptions;
  /** By tick. */
  readonly #queue = new Map<number, Envelope[]>();
  readonly counts = { sent: 0, lost: 0, doubled: 0, reordered: 0 };
  readonly #latest = new Map<string, number>();

  constructor(random: Random, options: NetworkOptions) {
    this.#random = random;
    this.#options = options;
  }

  set options(options: NetworkOptions) {
    this.#options = options;
  }

  cut(from: string, to: string): void {
    add(this.#cut, `${from}>${to}`, 1);
  }

  mend(from: string, to: string): void {
    add(this.#cut, `${from}>${to}`, -1);
  }

  slow(a: string, b: string, more: 1 | -1): void {
    add(this.#slow, `${a}>${b}`, more);
    add(this.#slow, `${b}>${a}`, more);
  }

  heal(): void {
    this.#cut.clear();
    this.#slow.clear();
  }

  /** Cuts every link between the peers given with probability `cut`, in one direction at a time or in both at once. */
  cutAtRandom(random: Random, peers: readonly string[], cut: number, oneWay: boolean): void {
    for (const [index, from] of peers.entries()) {
      for (const to of peers.slice(index + 1)) {
        const there = random() < cut;
        const back = oneWay ? random() < cut : there;
        if (there) this.cut(from, to);
        if (back) this.cut(to, from);
      }
    }
  }

  /** Messages pass both ways again. */
  join(a: string, b: string): void {
    this.#cut.delete(`${a}>${b}`);
    this.#cut.delete(`${b}>${a}`);
  }

  /** Further ticks that the next bytes take in this direction: none unless the link is slow. */
  slowness(from: string, to: string): number {
    return this.#slow.has(`${from}>${to}`) ? randomBelow(this.#random, slowLinkTicks) : 0;
  }

  /** Nothing passes in this direction. */
  cuts(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Messages pass both ways. */
  linked(a: string, b: string): boolean {
    return !this.#cut.has(`${a}>${b}`) && !this.#cut.has(`${b}>${a}`);
  }

  send(now: number, envelope: Omit<Envelope, "at">): void {
    this.counts.sent++;
    const way = `${envelope.from.id}>${envelope.to.id}`;
    if (this.#cut.has(way) || this.#random() < this.#options.loss) {
      this.counts.lost++;
      return;
    }
    const at = now + this.#delay() + this.slowness(envelope.from.id, envelope.to.id);
    const latest = this.#latest.get(way) ?? 0;
    if (at < latest) this.counts.reordered++;
    else this.#latest.set(way, at);
    this.#put({ ...envelope, at });
    if (this.#random() >= this.#options.duplication) return;
    this.counts.doubled++;
    this.#put({ ...envelope, at: now + 1 + randomBelow(this.#random, this.#options.maxDelay * 8) });
  }

  /** The receiver is paused: the message waits in its buffers. */
  postpone(envelope: Envelope, life: number): void {
    this.#put({ ...envelope, at: envelope.at + 1, buffered: life });
  }

  /** Takes what arrives now, in a random order. */
  arrivals(now: number): Envelope[] {
    const due = this.#queue.get(now) ?? [];
    this.#queue.delete(now);
    for (let index = due.length - 1; index > 0; index--) {
      const other = randomBelow(this.#random, index + 1);
      [due[index], due[other]] = [due[other] as Envelope, due[index] as Envelope];
    }
    return due;
  }

  #delay(): number {
    const { delay, maxDelay } = this.#options;
    if (delay === "even") return 1 + randomBelow(this.#random, maxDelay);
    return this.#random() < 0.95 ? 1 : 1 + randomBelow(this.#random, 10 * maxDelay);
  }

  #put(envelope: Envelope): void {
    const queue = this.#queue.get(envelope.at);
    if (queue) queue.push(envelope);
    else this.#queue.set(envelope.at, [envelope]);
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

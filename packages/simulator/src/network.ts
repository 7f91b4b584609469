import { below, type Message, type Peer, type Random } from "@synod/core";

export interface Envelope {
  readonly at: number;
  readonly from: Peer;
  readonly to: Peer;
  readonly message: Message;
  /** The connection it travels on; a later one does not deliver it. */
  readonly connection: number;
  /** It waits in the buffers of this life of its receiver, and will be read even if its connection breaks meanwhile. */
  readonly buffered?: number;
}

export interface NetworkOptions {
  /** Probability that a message is lost, and that it is doubled. */
  readonly loss: number;
  readonly duplication: number;
  /** Largest delay of a message, in ticks; order is not kept. */
  readonly maxDelay: number;
}

export function nameOf(peer: Peer): string {
  return peer.id;
}

/** Carries messages late, doubled, in any order or never, and cuts pairs apart, in one direction or both. */
export class Network {
  readonly #random: Random;
  readonly #cut = new Set<string>();
  #options: NetworkOptions;
  #queue: Envelope[] = [];
  readonly counts = { sent: 0, lost: 0, doubled: 0 };

  constructor(random: Random, options: NetworkOptions) {
    this.#random = random;
    this.#options = options;
  }

  set options(options: NetworkOptions) {
    this.#options = options;
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Cuts every link between the peers given with probability `cut`, in one direction at a time or in both at once. */
  cutAtRandom(peers: readonly string[], cut: number, oneWay: boolean): void {
    for (const [index, from] of peers.entries()) {
      for (const to of peers.slice(index + 1)) {
        const there = this.#random() < cut;
        const back = oneWay ? this.#random() < cut : there;
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

  /** Messages pass both ways. */
  linked(a: string, b: string): boolean {
    return !this.#cut.has(`${a}>${b}`) && !this.#cut.has(`${b}>${a}`);
  }

  send(now: number, from: Peer, to: Peer, message: Message, connection: number): void {
    this.counts.sent++;
    if (this.#cut.has(`${from.id}>${to.id}`) || this.#random() < this.#options.loss) {
      this.counts.lost++;
      return;
    }
    this.#queue.push({
      at: now + 1 + below(this.#random, this.#options.maxDelay),
      from,
      to,
      message,
      connection,
    });
    if (this.#random() >= this.#options.duplication) return;
    this.counts.doubled++;
    this.#queue.push({
      at: now + 1 + below(this.#random, this.#options.maxDelay * 8),
      from,
      to,
      message,
      connection,
    });
  }

  /** The receiver is paused: the message waits in its buffers. */
  postpone(envelope: Envelope, life: number): void {
    this.#queue.push({ ...envelope, at: envelope.at + 1, buffered: life });
  }

  /** Takes what arrives by now, in a random order. */
  arrivals(now: number): Envelope[] {
    const due = this.#queue.filter((envelope) => envelope.at <= now);
    this.#queue = this.#queue.filter((envelope) => envelope.at > now);
    for (let index = due.length - 1; index > 0; index--) {
      const other = below(this.#random, index + 1);
      [due[index], due[other]] = [due[other] as Envelope, due[index] as Envelope];
    }
    return due;
  }
}

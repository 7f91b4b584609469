// One direction between two members, for all connections between them: bytes pass, wait until it is open again, or are late.
// What was sent is never lost or changed, only kept back, as TCP does it over a network that loses packets.

/** Beyond so much of one connection nothing more is read from its sender. */
const maxKeptBytes = 1 << 20;

export class Way {
  #held = false;
  #delayMs = 0;
  #bytesPerMs = Infinity;
  /** Told of the bytes of each connection as they arrive. @type {(connection: object, bytes: Buffer) => void} */
  watch = () => {};
  /** @type {Set<Flow>} */ #flows = new Set();

  /** Nothing passes any more, or all that waits and comes. @param {boolean} held */
  hold(held) {
    this.#held = held;
    for (const flow of this.#flows) flow.pump();
  }

  /** From now on every byte comes so much later. @param {number} delayMs */
  delay(delayMs) {
    this.#delayMs = delayMs;
  }

  /** From now on each connection carries so many bytes a second at most. @param {number} bytesPerSecond */
  limit(bytesPerSecond) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  get bytesPerMs() {
    return this.#bytesPerMs;
  }

  get held() {
    return this.#held;
  }

  get delayMs() {
    return this.#delayMs;
  }

  /**
   * Carries what one end sends to the other one.
   * @param {import("node:net").Socket} source @param {() => import("node:net").Socket} target asked when there is
   *   something to tell it
   */
  carry(source, target) {
    const flow = new Flow(this, source, target, () => this.#flows.delete(flow));
    this.#flows.add(flow);
  }
}

/** One direction of one connection. The end of its sender is told like bytes: in its turn, and only where they pass. */
class Flow {
  /** @type {{ bytes: Buffer | undefined, at: number }[]} undefined: the sender is gone */ #kept = [];
  #keptBytes = 0;
  #blocked = false;
  /** When the last byte that came in has left, where so many leave in a time. */
  #freeAt = 0;
  /** @type {NodeJS.Timeout | undefined} */ #timer;
  #way;
  #source;
  #target;
  #over;

  /** @param {Way} way @param {import("node:net").Socket} source @param {() => import("node:net").Socket} target @param {() => void} over */
  constructor(way, source, target, over) {
    this.#way = way;
    this.#source = source;
    this.#target = target;
    this.#over = over;
    source.on("data", (bytes) => this.#keep(bytes));
    source.once("close", () => this.#keep(undefined));
  }

  /** @param {Buffer | undefined} bytes */
  #keep(bytes) {
    const { bytesPerMs, delayMs } = this.#way;
    this.#freeAt = Math.max(performance.now(), this.#freeAt) + (bytes?.length ?? 0) / bytesPerMs;
    this.#kept.push({ bytes, at: this.#freeAt + delayMs });
    this.#keptBytes += bytes?.length ?? 0;
    this.pump();
    if (this.#keptBytes > maxKeptBytes) this.#source.pause();
  }

  /** Passes on what may pass now. */
  pump() {
    clearTimeout(this.#timer);
    while (!this.#way.held && !this.#blocked) {
      const [next] = this.#kept;
      if (next === undefined) break;
      const waitMs = next.at - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        return;
      }
      this.#kept.shift();
      this.#pass(next.bytes);
    }
    if (this.#keptBytes <= maxKeptBytes) this.#source.resume();
  }

  /** @param {Buffer | undefined} bytes */
  #pass(bytes) {
    const target = this.#target();
    if (bytes === undefined) {
      target.destroy();
      this.#over();
      return;
    }
    this.#keptBytes -= bytes.length;
    this.#way.watch(this, bytes);
    if (target.destroyed || target.write(bytes)) return;
    this.#blocked = true;
    const unblocked = () => {
      target.off("drain", unblocked).off("close", unblocked);
      this.#blocked = false;
      this.pump();
    };
    target.on("drain", unblocked).on("close", unblocked);
  }
}

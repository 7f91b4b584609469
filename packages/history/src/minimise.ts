import type { Model } from "./model.js";
import type { Operation } from "./operation.js";
import { type Bounds, type Found, Search } from "./search.js";

/** Each trial may cost this much; a trial without a verdict keeps what it tried to leave out. */
const trialConfigurations = 5_000;

export interface Violation {
  readonly service: string;
  /** What all of it is about; empty when it is about everything. */
  readonly keys: readonly string[];
  /** In the order of invocation. */
  readonly operations: readonly Operation[];
  /** The operation whose answer no order explains after all that was answered before. */
  readonly stuck: Operation;
  readonly possible: Extract<Found, { verdict: "violation" }>["possible"];
}

/**
 * The smallest part of a violating partition that can be found in the time: the shortest prefix, without reads that it
 * does not take, and without further operations as long as the same answer is the one that no order explains, and what is
 * left would make sense in some order if times did not count. Without that last condition every read would be left alone,
 * without what it reads.
 */
export class Minimiser<State> {
  readonly #model: Model<State>;
  readonly #untilMs: number;

  constructor(model: Model<State>, untilMs: number) {
    this.#model = model;
    this.#untilMs = untilMs;
  }

  minimise(operations: readonly Operation[], stuck: Operation): readonly Operation[] {
    const prefix = this.#prefix(operations, stuck);
    const withoutReads = this.#leaveOut(
      prefix,
      (one) => this.#model.readsOnly(one),
      (rest) => this.#violates(rest),
    );
    if (!this.#makesSense(withoutReads)) return withoutReads;
    return this.#leaveOut(
      withoutReads,
      () => true,
      (rest) => this.#isStuckAt(stuck, rest) && this.#makesSense(rest),
    );
  }

  /** Up to the answer in question; what was not answered by then may have any outcome. */
  #prefix(operations: readonly Operation[], { result }: Operation): readonly Operation[] {
    const endMs = result?.returned ?? 0;
    const begun = operations.filter(({ invoked }) => invoked <= endMs);
    const known = begun.map((one) =>
      (one.result?.returned ?? 0) > endMs ? { ...one, result: undefined } : one,
    );
    if (this.#violates(known)) return known;
    // Some answers that came later have their part in it.
    return this.#violates(begun) ? begun : operations;
  }

  /** Leaves out as many of the candidates as the rest allows: large groups first, single ones at last. */
  #leaveOut(
    operations: readonly Operation[],
    candidate: (operation: Operation) => boolean,
    allowed: (rest: readonly Operation[]) => boolean,
  ): readonly Operation[] {
    let left = operations;
    for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      // From the end, so that what is left out does not move what is still to be looked at.
      for (let from = left.length - size; from > -size; from -= size) {
        if (performance.now() > this.#untilMs) return left;
        const rest = left.filter((one, index) => index < from || index >= from + size || !candidate(one));
        if (rest.length < left.length && allowed(rest)) left = rest;
      }
    }
    return left;
  }

  #isStuckAt(stuck: Operation, operations: readonly Operation[]): boolean {
    const found = this.#found(operations);
    return found.verdict === "violation" && found.stuck === stuck;
  }

  #violates(operations: readonly Operation[]): boolean {
    return this.#found(operations).verdict === "violation";
  }

  #makesSense(operations: readonly Operation[]): boolean {
    const atOnce = operations.map((one) => ({
      ...one,
      invoked: 0,
      result: one.result && { ...one.result, returned: 1 },
    }));
    return this.#found(atOnce).verdict === "linearizable";
  }

  #found(operations: readonly Operation[]): Found {
    const bounds: Bounds = { configurations: trialConfigurations, untilMs: this.#untilMs };
    return new Search(this.#model, operations, bounds).run();
  }
}

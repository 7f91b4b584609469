import type { Model } from "./model.js";
import { canonical, type Operation, type Outcome, outcomeText, type Result } from "./operation.js";

export interface Bounds {
  /** How many configurations may be kept. */
  readonly configurations: number;
  /** When to give up, by `performance.now()`. */
  readonly untilMs: number;
}

export type Found =
  | { readonly verdict: "linearizable" }
  /** The answer that no order explains, and up to five that some order would have given at that point. */
  | { readonly verdict: "violation"; readonly stuck: Operation; readonly possible: readonly Outcome[] }
  | { readonly verdict: "undecided"; readonly why: string };

/** An operation with an answer; `rank` counts them in the order in which the answers arrived. */
interface Answered {
  readonly operation: Operation;
  readonly returned: number;
  readonly rank: number;
  /** The outcome as text, to compare. */
  readonly told: string;
  /** The same for operations that cannot be told apart. */
  readonly alike: string;
  readonly readsOnly: boolean;
  /** As the model's `place` says; those without one may stand anywhere. */
  readonly place: number | undefined;
}

/**
 * How far an order has come. Every answered operation below the front has its place in it, and some later ones (`early`);
 * so have some of those without an answer (`used`). Both lists are sorted.
 */
interface Configuration<State> {
  readonly front: number;
  readonly early: readonly number[];
  readonly used: readonly number[];
  readonly state: State;
  readonly text: string;
}

const mostPossible = 5;
/** Of the operations that could come next, by their answers. */
const fewThatFit = 2;
const lookAtClockEvery = 256;

/**
 * Looks for an order of the operations in which each answer is the model's and nobody who began after another had its
 * answer stands before it: the search of Wing and Gong, with Lowe's memory of configurations seen. Operations take their
 * places as late as they can, just before the answer that needs them, and those furthest ahead are followed first.
 *
 * Four facts keep it small. A read whose answer is right can take its place at once. Of operations that cannot be told
 * apart, the one that ends first goes first. Whoever came to the same state with fewer of the operations without an
 * answer can do all that the other can. And of these an order need not have any.
 */
export class Search<State> {
  readonly #model: Model<State>;
  readonly #bounds: Bounds;
  readonly #answered: readonly Answered[];
  readonly #unanswered: readonly Operation[];
  readonly #unansweredAlike: readonly string[];
  /** By front: the answered operations that may come next when all below have their places. */
  readonly #windows: (readonly Answered[])[] = [];
  readonly #byInvocation: readonly Answered[];
  #invoked = 0;
  /** Which sets of unanswered operations were used on the way to a place and state. */
  readonly #seen = new Map<string, (readonly number[])[]>();
  /** The answer at their front was not tried yet. */
  readonly #fresh: Configuration<State>[] = [];
  /** By front, those where it was, and other operations could go before it. */
  readonly #placesToGoOnFrom: Queue<Configuration<State>>[] = [];
  #furthest = -1;
  #possible = new Map<string, Outcome>();
  #kept = 0;

  constructor(model: Model<State>, operations: readonly Operation[], bounds: Bounds) {
    this.#model = model;
    this.#bounds = bounds;
    const withResult = operations.filter(
      (one): one is Operation & { result: Result } => one.result !== undefined,
    );
    this.#answered = withResult
      .toSorted((a, b) => a.result.returned - b.result.returned)
      .map((operation, rank) => {
        const { returned, outcome } = operation.result;
        const told = outcomeText(outcome);
        const alike = `${operation.method} ${canonical(operation.request)} ${told}`;
        const readsOnly = model.readsOnly(operation);
        return { operation, returned, rank, told, alike, readsOnly, place: model.place?.(operation) };
      });
    this.#byInvocation = this.#answered.toSorted((a, b) => a.operation.invoked - b.operation.invoked);
    this.#unanswered = operations
      .filter(({ result }) => result === undefined)
      .sort((a, b) => a.invoked - b.invoked);
    this.#unansweredAlike = this.#unanswered.map(({ method, request }) => `${method} ${canonical(request)}`);
  }

  get configurations(): number {
    return this.#kept;
  }

  run(): Found {
    const { initial } = this.#model;
    this.#keep({ front: 0, early: [], used: [], state: initial, text: this.#model.text(initial) });
    for (let turn = 0; ; turn++) {
      if (this.#furthest === this.#answered.length) return { verdict: "linearizable" };
      if (this.#kept > this.#bounds.configurations)
        return { verdict: "undecided", why: `more than ${this.#bounds.configurations} configurations` };
      if (turn % lookAtClockEvery === 0 && performance.now() > this.#bounds.untilMs)
        return { verdict: "undecided", why: "out of time" };
      const fresh = this.#fresh.pop();
      if (fresh !== undefined) {
        this.#placesToGoOnFrom[fresh.front] ??= new Queue();
        this.#placesToGoOnFrom[fresh.front]?.add(fresh);
        this.#follow(fresh);
        continue;
      }
      const from = this.#nextToGoOnFrom();
      if (from === undefined) break;
      this.#goOn(from);
    }
    const stuck = (this.#answered[this.#furthest] as Answered).operation;
    return { verdict: "violation", stuck, possible: [...this.#possible.values()] };
  }

  /**
   * The furthest, but one step further back for each that was taken from a place already: what is stuck now may have gone
   * wrong long ago.
   */
  #nextToGoOnFrom(): Configuration<State> | undefined {
    let best: Queue<Configuration<State>> | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let front = this.#furthest; front >= 0 && front > bestScore; front--) {
      const queue = this.#placesToGoOnFrom[front];
      if (queue === undefined || queue.isEmpty || front - queue.taken <= bestScore) continue;
      best = queue;
      bestScore = front - queue.taken;
    }
    return best?.take();
  }

  /**
   * The operation at the front comes next. Where its answer would be wrong, another one does if few can: that an answer
   * fits says much when it tells of the state, as a counter's does, and little when any would, as after a plain write.
   */
  #follow(from: Configuration<State>): void {
    const first = this.#answered[from.front] as Answered;
    const next = this.#after(from, first);
    if (next !== undefined) {
      this.#keep(next);
      return;
    }
    const others = this.#othersThatFit(from);
    if (others.length <= fewThatFit) for (const other of others) this.#keep(other);
  }

  /** Anything else goes before the operation at the front. */
  #goOn(from: Configuration<State>): void {
    for (const other of this.#othersThatFit(from)) this.#keep(other);
    this.#useUnanswered(from);
    for (const state of this.#model.byItself?.(from.state) ?? [])
      this.#keep({ ...from, state, text: this.#model.text(state) });
  }

  #othersThatFit(from: Configuration<State>): Configuration<State>[] {
    const alike = new Set<string>();
    return this.#window(from.front).flatMap((other) => {
      if (other.rank === from.front || from.early.includes(other.rank) || alike.has(other.alike)) return [];
      alike.add(other.alike);
      return this.#after(from, other) ?? [];
    });
  }

  /** With the operation in the next place; undefined if its answer would not be the right one. */
  #after(
    from: Configuration<State>,
    { operation, rank, told, place }: Answered,
  ): Configuration<State> | undefined {
    if (place !== undefined && this.#hasPlaceBefore(place, from)) return undefined;
    const { state, outcome } = this.#model.step(from.state, operation);
    const text = outcomeText(outcome);
    if (text === told)
      return { ...from, early: including(from.early, rank), state, text: this.#model.text(state) };
    if (rank === this.#furthest && this.#possible.size < mostPossible) this.#possible.set(text, outcome);
    return undefined;
  }

  /** Whether another one that is still to come must stand before this place. */
  #hasPlaceBefore(place: number, { front, early }: Configuration<State>): boolean {
    return this.#window(front).some(
      (other) => other.place !== undefined && other.place < place && !early.includes(other.rank),
    );
  }

  /** One of those without an answer comes next, each that changes something. */
  #useUnanswered(from: Configuration<State>): void {
    const until = (this.#answered[from.front] as Answered).returned;
    const alike = new Set<string>();
    for (const [index, operation] of this.#unanswered.entries()) {
      if (operation.invoked > until) return;
      const same = this.#unansweredAlike[index] as string;
      if (from.used.includes(index) || alike.has(same)) continue;
      alike.add(same);
      const { state } = this.#model.step(from.state, operation);
      const text = this.#model.text(state);
      if (text !== from.text) this.#keep({ ...from, used: including(from.used, index), state, text });
    }
  }

  /** Notes a configuration, unless one at least as good is known. */
  #keep(found: Configuration<State>): void {
    const configuration = this.#settled(found);
    const { front, early, used, text } = configuration;
    const place = `${front} ${early} ${text}`;
    const others = this.#seen.get(place);
    if (others?.some((other) => other.every((index) => used.includes(index)))) return;
    if (others) others.push(used);
    else this.#seen.set(place, [used]);
    this.#kept++;
    this.#fresh.push(configuration);
    if (front > this.#furthest) {
      this.#furthest = front;
      this.#possible = new Map();
    }
  }

  /** Reads that are right now take their places, and the front moves over all that have one. */
  #settled(found: Configuration<State>): Configuration<State> {
    let { front, early } = found;
    for (;;) {
      while (early[0] === front) {
        early = early.slice(1);
        front++;
      }
      const ready = this.#window(front).filter(
        (one) => one.readsOnly && !early.includes(one.rank) && this.#isRightAt(found, one),
      );
      if (ready.length === 0) return { ...found, front, early };
      for (const { rank } of ready) early = including(early, rank);
    }
  }

  #isRightAt({ state, text }: Configuration<State>, { operation, told }: Answered): boolean {
    const after = this.#model.step(state, operation);
    return outcomeText(after.outcome) === told && this.#model.text(after.state) === text;
  }

  #window(front: number): readonly Answered[] {
    for (let next = this.#windows.length; next <= front; next++) {
      const first = this.#answered[next];
      if (first === undefined) return [];
      const window = (this.#windows[next - 1] ?? []).filter(({ rank }) => rank >= next);
      for (; ; this.#invoked++) {
        const one = this.#byInvocation[this.#invoked];
        if (one === undefined || one.operation.invoked > first.returned) break;
        window.push(one);
      }
      this.#windows.push(window.sort((a, b) => a.rank - b.rank));
    }
    return this.#windows[front] ?? [];
  }
}

class Queue<T> {
  readonly #items: T[] = [];
  taken = 0;

  get isEmpty(): boolean {
    return this.taken === this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  take(): T {
    return this.#items[this.taken++] as T;
  }
}

/** A sorted list with one number more. */
function including(sorted: readonly number[], number: number): readonly number[] {
  return [...sorted, number].sort((a, b) => a - b);
}

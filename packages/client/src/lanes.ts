import type { Call, Carrier } from "./call.js";
import type { Lane } from "./lane.js";

/** The ways to all replicas, and the one that new commands go: it stays as long as its replica answers. */
export class Lanes {
  readonly all: readonly Lane[];
  #present = 0;

  constructor(all: readonly Lane[]) {
    this.all = all;
  }

  /** The index of the present one. */
  get present(): number {
    return this.#present;
  }

  /** Everybody who answers is of another cluster, and nobody is left to ask. */
  get misdirected(): boolean {
    return this.all.every((lane) => lane.misdirected);
  }

  goTo(index: number): void {
    this.#present = index;
  }

  /** The present lane, unless its replica does not know what is called. */
  for(call: Call): Lane {
    const present = this.#at(this.#present);
    return call.strangers.has(present) ? (this.thatMayKnow(call) ?? present) : present;
  }

  /** One whose replica may know what is called, and can be reached as far as is known. */
  thatMayKnow(call: Call): Lane | undefined {
    return this.all.find((lane) => !call.strangers.has(lane) && lane.trouble === "");
  }

  after(lane: Carrier): Lane {
    return this.#at((this.all as readonly Carrier[]).indexOf(lane) + 1);
  }

  /** New commands no longer go through this lane, unless there is no other. */
  leave(lane: Carrier): void {
    if (this.#at(this.#present) !== lane) return;
    for (let step = 1; step <= this.all.length; step++) {
      const index = (this.#present + step) % this.all.length;
      if (this.#at(index).resting && step < this.all.length) continue;
      this.#present = index;
      return;
    }
  }

  #at(index: number): Lane {
    return this.all[index % this.all.length] as Lane;
  }
}

import type { Command } from "@synod/core";
import { isNext, type Remedy, remediesIn, sameRemedy } from "@synod/state-machine";

/** A remedy for the slot that is not executed, and whether it, or the one that it repeats, counts. */
export interface SeenRemedy {
  readonly command: Command;
  readonly counts: boolean;
}

/**
 * The decisions after a slot that this replica does not execute, as far as they are about that slot. Everything else is not
 * kept, however much is decided meanwhile: it is learned again.
 */
export class LookAhead {
  readonly slot: number;
  readonly #found: Remedy[] = [];
  #last: number;

  constructor(slot: number) {
    this.slot = slot;
    this.#last = slot;
  }

  /** All remedies for the slot that are known, in the order in which they were decided. */
  get remedies(): readonly Remedy[] {
    return this.#found;
  }

  /** Takes the decision of a later slot. Slots come in order; one that came before says nothing new. */
  see(slot: number, commands: readonly Command[]): SeenRemedy[] {
    if (slot <= this.#last) return [];
    this.#last = slot;
    return commands.flatMap((command): SeenRemedy[] => {
      const [remedy] = remediesIn([command]);
      if (remedy?.slot !== this.slot) return [];
      const known = this.#found[remedy.number - 1];
      if (isNext(remedy, this.#found, slot)) this.#found.push(remedy);
      else if (known === undefined || !sameRemedy(known, remedy)) return [{ command, counts: false }];
      return [{ command, counts: true }];
    });
  }
}

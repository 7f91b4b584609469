import { damagedStore, foundUnsound, StoreError, type StorePlace } from "./error.js";

/**
 * Damage that a store has found. It is told at once, and from then on every read fails and nothing is
 * written: whoever catches the first error must not be able to go on with a part of the truth.
 */
export class Damage {
  readonly place: StorePlace;
  #found: StoreError | undefined;
  #tell: ((error: StoreError) => void) | undefined;

  constructor(place: StorePlace) {
    this.place = place;
  }

  get found(): StoreError | undefined {
    return this.#found;
  }

  /** `tell` is called once, at the first damage; the process must end then. */
  tellOf(tell: (error: StoreError) => void): void {
    this.#tell = tell;
  }

  /** Runs a read. Throws StoreError `damaged`, the first that was found. */
  guard<T>(read: () => T): T {
    if (this.#found !== undefined) throw this.#found;
    try {
      return read();
    } catch (error) {
      throw this.noted(error);
    }
  }

  /** The error to throw in place of one that a read of the disk threw: the first damage, or this very one if it is none. */
  noted(error: unknown): unknown {
    const unsound = foundUnsound(error);
    const damaged = unsound === undefined ? error : damagedStore(this.place, unsound, error);
    if (!(damaged instanceof StoreError)) return damaged;
    if (this.#found === undefined) {
      this.#found = damaged;
      this.#tell?.(damaged);
    }
    return this.#found;
  }
}

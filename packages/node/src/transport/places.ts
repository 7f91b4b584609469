/** The connection that a command came on, as `host:port` of its other end; of this process's own, `thisProcess`. */
export type Caller = string;

/** Whoever this process itself asks for: its places are reserved, so that no client's commands keep it from having one. */
export const thisProcess: Caller = "";

export interface PlacesOptions {
  /** The number and the bytes of what may wait at a time. */
  readonly maxNumber: number;
  readonly maxBytes: number;
}

interface Held {
  number: number;
  bytes: number;
}

/** The reason why something finds no place, and what has them. */
export interface NoPlace extends Readonly<Held> {
  /** The places are taken, or all that this connection may have of them. */
  readonly whose: "all" | "caller";
}

/**
 * The places of a process in which something waits for clients, or of them. A connection has at most as much as it leaves free: alone
 * the half, beside another greedy one a third. So a newcomer finds room, however greedy the others are.
 */
export class Places {
  readonly #options: PlacesOptions;
  readonly #all: Held = { number: 0, bytes: 0 };
  readonly #byCaller = new Map<Caller, Held>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** The bytes of all that has a place. */
  get bytes(): number {
    return this.#all.bytes;
  }

  /** Takes a place. @returns the reason why there is none; undefined when it has one */
  take(caller: Caller, bytes: number): NoPlace | undefined {
    if (caller === thisProcess) return undefined;
    const { maxNumber, maxBytes } = this.#options;
    const all = this.#all;
    const held = this.#byCaller.get(caller) ?? { number: 0, bytes: 0 };
    if (all.number >= maxNumber || all.bytes + bytes > maxBytes) return { whose: "all", ...all };
    if (held.number >= maxNumber - all.number || held.bytes + bytes > maxBytes - all.bytes)
      return { whose: "caller", ...held };
    this.#byCaller.set(caller, held);
    for (const each of [all, held]) {
      each.number++;
      each.bytes += bytes;
    }
    return undefined;
  }

  leave(caller: Caller, bytes: number): void {
    const held = this.#byCaller.get(caller);
    if (held === undefined) return;
    for (const each of [this.#all, held]) {
      each.number--;
      each.bytes -= bytes;
    }
    if (held.number === 0) this.#byCaller.delete(caller);
  }
}

/** The refusal in words. @param what waits, e.g. `commands`; its bytes are told where they count */
export function noPlaceText({ whose, number, bytes }: NoPlace, what: string): string {
  const held = bytes > 0 ? `${number} ${what} of ${bytes} bytes` : `${number} ${what}`;
  return whose === "all"
    ? `${held} wait in this process already; try again later`
    : `${held} of this connection wait in this process already, and what is left is for others; let some of them finish first`;
}

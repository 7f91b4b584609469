import { setMaxListeners } from "node:events";
import { whenAskedToEnd } from "../asked-to-end.js";
import { Failure } from "../failure.js";
import { tell } from "../output.js";
import type { SnapshotTotals } from "./format.js";

const everyMs = 1_000;

/** Tells on standard error, once a second, how far long work is. */
export class Progress {
  readonly #doing: string;
  #toldAt = performance.now();

  /** @param doing what is being done, such as "saving" */
  constructor(doing: string) {
    this.#doing = doing;
  }

  at(totals: SnapshotTotals): void {
    if (performance.now() - this.#toldAt < everyMs) return;
    this.#toldAt = performance.now();
    this.say(`${this.#doing}: ${amountText(totals)} so far`);
  }

  say(line: string): void {
    tell(line);
  }
}

export function amountText({ keys, bytes }: Pick<SnapshotTotals, "keys" | "bytes">): string {
  return `${keys.toLocaleString("en")} ${keys === 1 ? "key" : "keys"}, ${bytesText(bytes)}`;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}

/** Runs work that Ctrl-C, a polite kill or a closed terminal interrupts: it tidies up, and a Failure says what is left. */
export async function interruptible<T>(left: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupting = new AbortController();
  setMaxListeners(0, interrupting.signal);
  const interrupt = () => interrupting.abort(new Failure(`interrupted: ${left}`));
  const stopListening = whenAskedToEnd(interrupt);
  try {
    return await work(interrupting.signal);
  } catch (error) {
    interrupting.signal.throwIfAborted();
    throw error;
  } finally {
    stopListening();
  }
}

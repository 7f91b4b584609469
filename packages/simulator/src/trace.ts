import { createHash } from "node:crypto";

/** The number of lines kept when not all are. */
const keptLines = 400;
const scratchBytes = 1 << 16;

type Line = readonly [now: number, text: string | (() => string)];

/**
 * The record of a run: counts of everything, lines for people, and a sha256 over all of it, the bytes of every message
 * and the hash of every state included.
 */
export class Trace {
  readonly counts: Record<string, number> = {};
  readonly #whole: boolean;
  #lines: Line[] = [];
  readonly #sha256 = createHash("sha256");
  readonly #scratch = Buffer.alloc(scratchBytes);
  #used = 0;
  #digest: string | undefined;

  /** @param whole all lines are kept, not only the last */
  constructor(whole: boolean) {
    this.#whole = whole;
  }

  /** Ends the trace. Hexadecimal. */
  get sha256(): string {
    this.#digest ??= this.#sha256.update(this.#scratch.subarray(0, this.#used)).digest("hex");
    return this.#digest;
  }

  get lines(): readonly string[] {
    const lines = this.#whole ? this.#lines : this.#lines.slice(-keptLines);
    return lines.map(([now, text]) => `${now} ${typeof text === "string" ? text : text()}`);
  }

  count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  note(now: number, text: string): void {
    this.#text(`${now} ${text}\n`);
    this.#keep([now, text]);
  }

  /** @param describe is asked only for lines that somebody reads */
  message(now: number, way: string, bytes: Uint8Array, describe: () => string): void {
    this.#text(`${now} ${way} ${bytes.length}\n`);
    this.#bytes(bytes);
    this.#keep([now, describe]);
  }

  #keep(line: Line): void {
    this.#lines.push(line);
    if (!this.#whole && this.#lines.length === 2 * keptLines) this.#lines = this.#lines.slice(-keptLines);
  }

  #text(text: string): void {
    this.#reserve(text.length * 3);
    this.#used += this.#scratch.write(text, this.#used);
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    if (bytes.length > scratchBytes) this.#sha256.update(bytes);
    else {
      this.#scratch.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= scratchBytes) return;
    this.#sha256.update(this.#scratch.subarray(0, this.#used));
    this.#used = 0;
  }
}

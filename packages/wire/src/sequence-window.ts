/**
 * The sequence numbers of one session (rule 16). A number is settled when its answer arrived, or when the caller
 * stopped waiting: either way nobody asks for that answer again. The mark is the highest number with everything up to
 * it settled; it never falls, and no number is handed out further than `width` above it, because the replicated
 * session keeps no more answers than that.
 */
export class SequenceWindow {
  readonly #width: number;
  readonly #settled = new Set<number>();
  #mark = 0;
  #last = 0;

  constructor(width: number) {
    this.#width = width;
  }

  get mark(): number {
    return this.#mark;
  }

  /** No number may be handed out now. */
  get full(): boolean {
    return this.#last - this.#mark >= this.#width;
  }

  /** The next number, or undefined while the window is full. */
  take(): number | undefined {
    if (this.full) return undefined;
    this.#last += 1;
    return this.#last;
  }

  settle(sequence: number): void {
    if (sequence <= this.#mark || sequence > this.#last) return;
    this.#settled.add(sequence);
    while (this.#settled.delete(this.#mark + 1)) this.#mark += 1;
  }
}

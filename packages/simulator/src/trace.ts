/** How many lines are kept. */
const keptLines = 400;

/** What happened in a run: counts of everything, the last lines, and a hash over all lines. */
export class Trace {
  readonly counts: Record<string, number> = {};
  readonly lines: string[] = [];
  #hash = 0x811c9dc5;

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  note(now: number, line: string): void {
    const text = `${now} ${line}`;
    for (let index = 0; index < text.length; index++)
      this.#hash = Math.imul(this.#hash ^ text.charCodeAt(index), 0x01000193);
    this.lines.push(text);
    if (this.lines.length > keptLines) this.lines.shift();
  }
}

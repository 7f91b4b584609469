/** What waits of one of those who share a queue; in the order in which it came, what comes again first. */
class Line<Item> {
  readonly #again = new Set<Item>();
  readonly #once = new Set<Item>();

  get size(): number {
    return this.#again.size + this.#once.size;
  }

  get first(): Item | undefined {
    for (const items of [this.#again, this.#once]) for (const item of items) return item;
    return undefined;
  }

  get all(): Item[] {
    return [...this.#again, ...this.#once];
  }

  add(item: Item, again: boolean): void {
    this.delete(item);
    (again ? this.#again : this.#once).add(item);
  }

  delete(item: Item): boolean {
    return this.#again.delete(item) || this.#once.delete(item);
  }
}

/**
 * What waits, in one line for each of those who share a queue: they take turns, and each line is served in the order in which it
 * came, so that nobody waits behind more than one of anybody else's.
 */
export class FairQueue<Item> {
  /** In the order of their turns; none is empty. */
  readonly #lines = new Map<string, Line<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Each line after the other. */
  get all(): Item[] {
    return [...this.#lines.values()].flatMap((line) => line.all);
  }

  /** The next in turn; it stays where it is. */
  get first(): Item | undefined {
    for (const [, line] of this.#lines) return line.first;
    return undefined;
  }

  /** @param again it was taken before, and goes before those of its line that were not */
  add(whose: string, item: Item, again = false): void {
    const line = this.#lines.get(whose) ?? new Line<Item>();
    this.#lines.set(whose, line);
    const before = line.size;
    line.add(item, again);
    this.#size += line.size - before;
  }

  /**
   * Takes the next out; undefined when there is none.
   * @param may false for one that has to wait, and with it all of its line; the others go before it
   */
  take(may: (whose: string, item: Item) => boolean = () => true): Item | undefined {
    for (const [whose, line] of this.#lines) {
      const item = line.first as Item;
      if (!may(whose, item)) continue;
      this.remove(whose, item);
      // Its turn is over: the line goes behind the others.
      if (this.#lines.delete(whose)) this.#lines.set(whose, line);
      return item;
    }
    return undefined;
  }

  /** Takes one out that no longer waits. @returns true when it waited */
  remove(whose: string, item: Item): boolean {
    const line = this.#lines.get(whose);
    if (!line?.delete(item)) return false;
    this.#size--;
    if (line.size === 0) this.#lines.delete(whose);
    return true;
  }

  takeAll(): Item[] {
    const { all } = this;
    this.#lines.clear();
    this.#size = 0;
    return all;
  }
}

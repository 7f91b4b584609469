/** Taken from the front of the array before what is left is moved there: so many that moving them costs next to nothing each. */
const movedAfter = 4_096;

/** First in, first out. An array's own `shift` moves all that waits, each time. */
export class Queue<T> {
  #items: T[] = [];
  /** Index of the oldest: those before it were taken. */
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  /** The oldest; undefined when nothing waits. */
  get first(): T | undefined {
    return this.#items[this.#start];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest out; undefined when nothing waits. */
  shift(): T | undefined {
    const item = this.#items[this.#start];
    if (this.#start < this.#items.length) this.#start++;
    if (this.length === 0) this.takeAll();
    else if (this.#start > movedAfter) this.#items = this.takeAll();
    return item;
  }

  takeAll(): T[] {
    const all = this.#start === 0 ? this.#items : this.#items.slice(this.#start);
    this.#items = [];
    this.#start = 0;
    return all;
  }
}

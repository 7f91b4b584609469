/** Something that holds memory and can be ended. */
export interface Holder {
  /** Lets go of what it holds; the reason is for whoever caused it. */
  end(reason: string): void;
}

type Group = Map<Holder, number>;

/**
 * The bytes that the calls of all connections hold together. Beyond the bound a call is ended of the connection that holds
 * most, the one of its calls that holds most: whoever holds little is never asked to make room for whoever holds much.
 */
export class HeldBytes {
  readonly #maxBytes: number;
  readonly #groups = new Map<object, Group>();
  readonly #bytesOf = new Map<object, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** From now on the holder, one of those of a connection, holds so many bytes. It may be ended within this call. */
  holds(connection: object, holder: Holder, bytes: number): void {
    const group = this.#groups.get(connection) ?? new Map<Holder, number>();
    const more = bytes - (group.get(holder) ?? 0);
    if (more === 0) return;
    if (bytes > 0) group.set(holder, bytes);
    else group.delete(holder);
    this.#bytes += more;
    if (group.size > 0) {
      this.#groups.set(connection, group);
      this.#bytesOf.set(connection, (this.#bytesOf.get(connection) ?? 0) + more);
    } else {
      this.#groups.delete(connection);
      this.#bytesOf.delete(connection);
    }
    while (this.#bytes > this.#maxBytes) this.#endLargest();
  }

  #endLargest(): void {
    const [connection, ofConnection] = largest(this.#bytesOf);
    const [holder] = largest(this.#groups.get(connection) as Group);
    const reason =
      `expected calls whose requests and answers under way take ${this.#maxBytes} bytes at most, found more, ` +
      `${ofConnection} of them over this connection; send fewer large requests at a time, read what is answered, and ask again`;
    this.holds(connection, holder, 0);
    holder.end(reason);
  }
}

/** The first of those with the most bytes. There is one at least. */
function largest<Key>(all: ReadonlyMap<Key, number>): [Key, number] {
  let most: [Key, number] | undefined;
  for (const entry of all) if (most === undefined || entry[1] > most[1]) most = entry;
  return most as [Key, number];
}

/** A range of keys, in byte order. */
export interface KeyRange {
  /** First key, included. */
  readonly from: Uint8Array;
  /** End, excluded; absent means to the last key. */
  readonly until?: Uint8Array | undefined;
  /** At most this many entries. */
  readonly limit?: number | undefined;
  readonly reverse?: boolean | undefined;
}

/**
 * The port to a replica's replicated state: an ordered map of bytes, compared byte by byte. Reads see every write at
 * once; the driver has what belongs to whole slots written in one storage transaction (rule 17). Arrays handed in or
 * out are not changed afterwards by either side.
 */
export interface OrderedMap {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  range(range: KeyRange): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

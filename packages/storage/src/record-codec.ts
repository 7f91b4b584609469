import type { Ballot, PValue, TrimRecord } from "@synod/core";

/** One kind of the protocol's values ↔ its bytes, which are the same for equal values. */
export interface StoredCodec<T> {
  /** The bytes, with `headBytes` in front of them that are the caller's to fill. */
  encode(value: T, headBytes: number): Uint8Array;
  /** Bytes in the result may be views of the argument. Throws unless they are such a value. */
  decode(bytes: Uint8Array): T;
}

/** The encoding of what acceptors keep. Stores know none of their own: the protocol's values have one for wire and disk. */
export interface RecordCodec {
  readonly ballot: StoredCodec<Ballot>;
  readonly pvalue: StoredCodec<PValue>;
  readonly trimRecord: StoredCodec<TrimRecord>;
}

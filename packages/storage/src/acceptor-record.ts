import { type Ballot, noBallot, type PValue, type TrimRecord } from "@synod/core";
import { slotKey, slotOf } from "./bytes.js";
import type { StorePlace } from "./error.js";
import type { RecordCodec, StoredCodec } from "./record-codec.js";
import { headerBytes, readContents, seal } from "./seal.js";

/** A record and the key that its checksum covers. */
export interface KeyedRecord {
  readonly key: Uint8Array;
  readonly record: Uint8Array;
}

export const promiseKey: Uint8Array = Buffer.from("promise", "latin1");
export const trimKey: Uint8Array = Buffer.from("trim", "latin1");

/** An acceptor's records as they lie on a disk: the codec's bytes, sealed. Reading throws StoreError `damaged`. */
export class AcceptorRecords {
  readonly #place: StorePlace;
  readonly #codec: RecordCodec;

  constructor(place: StorePlace, codec: RecordCodec) {
    this.#place = place;
    this.#codec = codec;
  }

  sealPValue(pvalue: PValue): KeyedRecord {
    return sealed(slotKey(pvalue.slot), this.#codec.pvalue, pvalue);
  }

  readPValue({ key, record }: KeyedRecord): PValue {
    const slot = slotOf(key);
    return readContents(this.#place, `slot ${slot}`, key, record, (bytes) => {
      const pvalue = this.#codec.pvalue.decode(bytes);
      if (pvalue.slot !== slot) throw new RangeError(`expected slot ${slot}, found ${pvalue.slot}`);
      return pvalue;
    });
  }

  sealPromise(ballot: Ballot): KeyedRecord {
    return sealed(promiseKey, this.#codec.ballot, ballot);
  }

  /** Nothing was promised where there is no record. */
  readPromise(record: Uint8Array | undefined): Ballot {
    if (record === undefined) return noBallot;
    return readContents(this.#place, "the promise", promiseKey, record, (bytes) =>
      this.#codec.ballot.decode(bytes),
    );
  }

  sealTrim(trim: TrimRecord): KeyedRecord {
    return sealed(trimKey, this.#codec.trimRecord, trim);
  }

  /** Nothing was trimmed where there is no record. */
  readTrim(record: Uint8Array | undefined): TrimRecord {
    if (record === undefined) return { below: 1, configurations: [] };
    return readContents(this.#place, "the trim mark", trimKey, record, (bytes) =>
      this.#codec.trimRecord.decode(bytes),
    );
  }
}

function sealed<T>(key: Uint8Array, codec: StoredCodec<T>, value: T): KeyedRecord {
  return { key, record: seal(key, codec.encode(value, headerBytes)) };
}

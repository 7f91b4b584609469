import type { OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import type { StoredAnswer } from "../sessions/session-record.js";
import { SlotHash } from "../state/chain.js";
import type { PendingWrite } from "../state/write-set.js";
import type { Remedy } from "../system/remedies.js";
import type { LogTimes } from "./log-time.js";
import type { SlotContent } from "./slot-content.js";

const tags = Object.freeze({
  ...{ noOp: 0, batch: 1, configuration: 2, put: 3, delete: 4, answer: 5, due: 6, remedies: 7, query: 8 },
});
const noBytes = new Uint8Array(0);

/** The effects of a slot, gathered into its hash as they happen: replicas that did otherwise differ in it (rule 27). */
export class SlotEffects {
  readonly #state: OrderedMap;
  readonly #written: (key: Uint8Array) => void;
  readonly #hash = new SlotHash();

  /** @param written told of each key that is written */
  constructor(state: OrderedMap, written: (key: Uint8Array) => void) {
    this.#state = state;
    this.#written = written;
  }

  /** @param previousHash of everything before the slot */
  begin(previousHash: Uint8Array, slot: number, kind: SlotContent["kind"]): void {
    this.#hash.start(previousHash, slot);
    this.#hash.tag(tags[kind === "no-op" ? "noOp" : kind]);
  }

  remedies(remedies: readonly Remedy[]): void {
    this.#hash.tag(tags.remedies);
    this.#hash.text(JSON.stringify(remedies));
  }

  time({ resumeMs, catchUpMs }: LogTimes): void {
    this.#hash.number(resumeMs);
    this.#hash.number(catchUpMs);
  }

  /** A command that was scheduled runs next. */
  due(): void {
    this.#hash.tag(tags.due);
  }

  /** The next answer is a query's, of which nothing is kept. */
  query(): void {
    this.#hash.tag(tags.query);
  }

  write({ key, value }: PendingWrite): void {
    this.#hash.tag(value === undefined ? tags.delete : tags.put);
    this.#hash.bytes(key);
    this.#written(key);
    if (value === undefined) {
      this.#state.delete(key);
    } else {
      this.#hash.bytes(value);
      this.#state.put(key, value);
    }
  }

  configuration(key: Uint8Array, encoded: Uint8Array): void {
    this.#hash.bytes(encoded);
    this.#state.put(key, encoded);
  }

  answer({ status, message, response, details }: Omit<StoredAnswer, "slot">): void {
    this.#hash.tag(tags.answer);
    this.#hash.number(status);
    this.#hash.text(message);
    this.#hash.bytes(status === Status.ok ? response : (details ?? noBytes));
  }

  /** The hash of the slot, chained to that of the slot before. */
  finish(): Uint8Array {
    return this.#hash.finish();
  }
}

import type { OrderedMap } from "@synod/core";
import { type Applied, appliedKey, decodeApplied, encodeApplied } from "../state/layout.js";
import { checkpointLimits } from "./limits.js";
import type { LogTimeState } from "./log-time.js";

const nothingApplied: Applied = Object.freeze({
  slot: 0,
  revision: 0,
  logTimeMs: 0,
  slotsSinceCheckpoint: 0,
  catchUpTimeMs: 0,
  timedSlot: 0,
  bytesSinceCheckpoint: 0,
  stateBytes: 0,
  hash: new Uint8Array(32),
});

/** The progress of the state: the one row that every slot writes. */
export class Progress {
  /** The last slot applied; 0 before the first. */
  slot: number;
  /** Commands executed so far. */
  revision: number;
  /** Log time (rules 16 and 35). */
  time: LogTimeState;
  /** Chained over all slots applied (rule 27). */
  hash: Uint8Array;
  /** Keys and values that services had stored when the row was read. */
  readonly storedBytes: number;
  #slotsSinceCheckpoint: number;
  #bytesSinceCheckpoint: number;

  constructor(state: OrderedMap) {
    const stored = state.get(appliedKey);
    const applied = stored === undefined ? nothingApplied : decodeApplied(stored);
    const { logTimeMs: resumeMs, catchUpTimeMs: catchUpMs, timedSlot } = applied;
    this.slot = applied.slot;
    this.revision = applied.revision;
    this.time = { resumeMs, catchUpMs, timedSlot };
    this.hash = applied.hash;
    this.storedBytes = applied.stateBytes;
    this.#slotsSinceCheckpoint = applied.slotsSinceCheckpoint;
    this.#bytesSinceCheckpoint = applied.bytesSinceCheckpoint;
  }

  /**
   * Something was decided since the last checkpoint, executed or not, which acceptors keep until there is another one.
   * Checkpoints and reports do not count: they would call for the next ones for ever.
   */
  get beyondCheckpoint(): boolean {
    return this.#slotsSinceCheckpoint > 0;
  }

  /** So much was decided since the last checkpoint, in a slot or in bytes, that there is to be another one. */
  outgrew(checkpointSlot: number): boolean {
    const { maxSlots, maxBytes } = checkpointLimits;
    return this.slot - checkpointSlot >= maxSlots || this.#bytesSinceCheckpoint >= maxBytes;
  }

  countSlot(): void {
    this.#slotsSinceCheckpoint++;
  }

  /** Counts the commands of a batch, in whole units. */
  countBytes(bytes: number): void {
    this.#bytesSinceCheckpoint += Math.ceil(bytes / checkpointLimits.unitBytes) * checkpointLimits.unitBytes;
  }

  checkpointed(): void {
    this.#slotsSinceCheckpoint = 0;
    this.#bytesSinceCheckpoint = 0;
  }

  write(state: OrderedMap, stateBytes: number): void {
    const { resumeMs, catchUpMs, timedSlot } = this.time;
    state.put(
      appliedKey,
      encodeApplied({
        slot: this.slot,
        revision: this.revision,
        logTimeMs: resumeMs,
        catchUpTimeMs: catchUpMs,
        timedSlot,
        slotsSinceCheckpoint: this.#slotsSinceCheckpoint,
        bytesSinceCheckpoint: this.#bytesSinceCheckpoint,
        stateBytes,
        hash: this.hash,
      }),
    );
  }
}

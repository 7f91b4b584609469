import type { Value } from "@synod/core";
import { type Row, StateMap } from "./state-map.js";

/** The state after a slot, as one replica gives it to another. */
export interface Snapshot {
  readonly slot: number;
  readonly rows: readonly Row[];
}

/**
 * A replica's disk: a flush makes the state after a whole slot durable, some time after that slot was applied; a crash
 * keeps what the last flush that ended has left (rule 17).
 */
export class ReplicaDisk {
  readonly store: string;
  readonly state = new StateMap();
  readonly #keptLog: number;
  #durableSlot = 0;
  #flushingSlot = 0;
  /** The decided log, the newest slots of it; a crash takes back what is not durable. */
  readonly #log = new Map<number, Value>();
  /** The slot of the oldest snapshot that somebody reads: its reader wants the log that follows. */
  reader = Number.POSITIVE_INFINITY;

  /** @param keptLog how many slots of the log it keeps */
  constructor(store: string, keptLog: number) {
    this.store = store;
    this.#keptLog = keptLog;
  }

  get durableSlot(): number {
    return this.#durableSlot;
  }

  get flushing(): boolean {
    return this.state.flushing;
  }

  get log(): ReadonlyMap<number, Value> {
    return this.#log;
  }

  append(slot: number, value: Value): void {
    this.#log.set(slot, value);
    // Only what is durable may go: nothing else has it here.
    for (const oldest of this.#log.keys()) {
      if (this.#log.size <= this.#keptLog || oldest > Math.min(this.#durableSlot, this.reader)) return;
      this.#log.delete(oldest);
    }
  }

  beginFlush(appliedSlot: number): void {
    this.#flushingSlot = appliedSlot;
    this.state.beginFlush();
  }

  endFlush(): void {
    this.state.endFlush();
    this.#durableSlot = this.#flushingSlot;
  }

  snapshot(): Snapshot {
    return { slot: this.#durableSlot, rows: this.state.durableRows() };
  }

  /** A snapshot becomes the state, at once and whole; a flush under way belongs to the old one (rule 19). */
  install({ slot, rows }: Snapshot): void {
    this.state.replace(rows);
    this.#durableSlot = slot;
    this.#log.clear();
  }

  crash(): void {
    this.state.crash();
    for (const slot of this.#log.keys()) if (slot > this.#durableSlot) this.#log.delete(slot);
  }
}

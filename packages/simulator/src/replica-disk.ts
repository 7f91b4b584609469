import type { Value } from "@synod/core";
import { emptyImage, type StateImage } from "./application.js";

/**
 * A replica's disk: a flush makes the state after a whole slot durable, some time after that slot was applied; a crash
 * keeps what the last flush that ended has left (rule 17).
 */
export class ReplicaDisk {
  readonly store: string;
  readonly #keptLog: number;
  #durable = emptyImage;
  #flushing: StateImage | undefined;
  /** The decided log, the newest slots of it; a crash takes back what is not durable. */
  readonly #log = new Map<number, Value>();

  /** @param keptLog how many slots of the log it keeps */
  constructor(store: string, keptLog: number) {
    this.store = store;
    this.#keptLog = keptLog;
  }

  /** What a crash would leave. */
  get durable(): StateImage {
    return this.#durable;
  }

  get flushing(): boolean {
    return this.#flushing !== undefined;
  }

  get log(): ReadonlyMap<number, Value> {
    return this.#log;
  }

  append(slot: number, value: Value): void {
    this.#log.set(slot, value);
    // Only what is durable may go: nothing else has it here.
    for (const oldest of this.#log.keys()) {
      if (this.#log.size <= this.#keptLog || oldest > this.#durable.slot) return;
      this.#log.delete(oldest);
    }
  }

  beginFlush(image: StateImage): void {
    this.#flushing = image;
  }

  endFlush(): void {
    this.#durable = this.#flushing ?? this.#durable;
    this.#flushing = undefined;
  }

  /** A snapshot becomes the state, at once and whole; a flush under way belongs to the old one (rule 19). */
  install(image: StateImage): void {
    this.#durable = image;
    this.#flushing = undefined;
    this.#log.clear();
  }

  crash(): void {
    this.#flushing = undefined;
    for (const slot of this.#log.keys()) if (slot > this.#durable.slot) this.#log.delete(slot);
  }
}

import { crc32 } from "node:zlib";
import { Violation } from "../violation.js";
import type { RemedyModel } from "./remedy-model.js";

/** Commands of services in ten thousand that end a process. */
const lethalOfTenThousand = 300;
/** The number of times that a slot may end a process: once more than the first (rule 33). */
const mayEnd = 2;

/** The error that unwinds what a process was doing when it ended. */
export class EndedWithin extends Error {
  override readonly name = "EndedWithin";
}

/** Told before each command of a service, as the watch of a process is. */
export interface CommandWatch {
  begin(slot: number, index: number, service: string, method: string): void;
  end(): void;
}

/** The process under a watch. */
export interface WatchedProcess {
  readonly id: string;
  /** Counts the builds that it was started with. */
  readonly repairs: number;
  /** It ends at once, without a last word. */
  kill(): void;
}

/** What the checker knows of slots that are chosen. */
export interface ChosenSlots {
  readonly remedies: RemedyModel;
  /** The number of commands in a slot's batch. */
  batchLength(slot: number): number;
}

/**
 * Commands at which processes end, as a handler that takes all memory ends them: at every replica, at some, or at the first
 * attempt of each. The place of a command in the log says which it is.
 */
export class LethalCommands {
  readonly #salt: number;
  readonly #slots: ChosenSlots;
  /** By replica, build and slot: the number of times that the slot has ended a process. */
  readonly #ends = new Map<string, number>();
  /** By replica and slot: its build executes what ended the one before. */
  readonly #mended = new Set<string>();
  /** No command is lethal any more. */
  over = false;

  constructor(salt: number, slots: ChosenSlots) {
    this.#salt = salt;
    this.#slots = slots;
  }

  watchOver(process: WatchedProcess): CommandWatch {
    return {
      begin: (slot, index, service) => {
        // Slot 0 stands for a read.
        if (slot > 0) this.#begin(process, slot, index, service);
      },
      end: () => {},
    };
  }

  /** A replica gets a build that executes a slot. */
  mend(id: string, slot: number): void {
    this.#mended.add(`${id}/${slot}`);
  }

  #begin(process: WatchedProcess, slot: number, index: number, service: string): void {
    const { remedies } = this.#slots;
    const length = this.#slots.batchLength(slot);
    if (remedies.skips(slot, index, length) || (index >= length && remedies.delaysDue(slot)))
      throw new Violation(
        `${process.id} executes command ${index} of slot ${slot}, of ${service}, which is decided to be left out`,
      );
    if (this.over || !this.#isLethal(process, slot, index)) return;
    this.#count(process, slot);
    process.kill();
    throw new EndedWithin(`command ${index} of slot ${slot} ended the process`);
  }

  #isLethal({ id, repairs }: WatchedProcess, slot: number, index: number): boolean {
    const hash = this.#hash(`${slot}/${index}`);
    if (hash % 10_000 >= lethalOfTenThousand || this.#mended.has(`${id}/${slot}`)) return false;
    const kind = this.#hash(`kind ${slot}/${index}`) % 10;
    if (kind < 5) return true;
    if (kind < 8) return this.#hash(`${id} ${slot}/${index}`) % 2 === 0;
    return !this.#ends.has(keyOf(id, repairs, slot));
  }

  #count({ id, repairs }: WatchedProcess, slot: number): void {
    const key = keyOf(id, repairs, slot);
    const ends = (this.#ends.get(key) ?? 0) + 1;
    this.#ends.set(key, ends);
    const most = mayEnd * (1 + this.#slots.remedies.of(slot).length);
    if (ends > most)
      throw new Violation(`slot ${slot} ended the process of ${id} ${ends} times; expected ${most} at most`);
  }

  #hash(text: string): number {
    return crc32(`${this.#salt} ${text}`);
  }
}

function keyOf(id: string, repairs: number, slot: number): string {
  return `${id}/${repairs}/${slot}`;
}

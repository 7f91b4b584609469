import { type Command, commandBytes, type Limits } from "@synod/core";

export type BatchLimits = Pick<Limits, "maxBatchCommands" | "maxBatchBytes">;

/** The room that a batch has, or a part of one. */
export class BatchRoom {
  #commands: number;
  #bytes: number;

  /** @param filled what is in it already */
  constructor(filled = { commands: 0, bytes: 0 }) {
    this.#commands = filled.commands;
    this.#bytes = filled.bytes;
  }

  get empty(): boolean {
    return this.#commands === 0;
  }

  /** One has room by itself, however large. */
  fits(command: Command, { maxBatchCommands, maxBatchBytes }: BatchLimits): boolean {
    if (this.#commands === 0) return true;
    return this.#commands < maxBatchCommands && this.#bytes + commandBytes(command) <= maxBatchBytes;
  }

  add(command: Command): void {
    this.#commands++;
    this.#bytes += commandBytes(command);
  }

  remove(command: Command): void {
    this.#commands--;
    this.#bytes -= commandBytes(command);
  }
}

import { type Command, commandBytes, type Limits } from "@synod/core";

/** The room that one batch has. */
export class BatchRoom {
  readonly #limits: Pick<Limits, "maxBatchCommands" | "maxBatchBytes">;
  #commands: number;
  #bytes: number;

  /** @param filled what is in it already */
  constructor(
    limits: Pick<Limits, "maxBatchCommands" | "maxBatchBytes">,
    filled = { commands: 0, bytes: 0 },
  ) {
    this.#limits = limits;
    this.#commands = filled.commands;
    this.#bytes = filled.bytes;
  }

  get empty(): boolean {
    return this.#commands === 0;
  }

  /** One has room by itself, however large. */
  fits(command: Command): boolean {
    const { maxBatchCommands, maxBatchBytes } = this.#limits;
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

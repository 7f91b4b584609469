import type { Command } from "@synod/core";
import { systemService } from "@synod/state-machine";
import { mayBeDecidedAgain } from "../system-commands.js";

/**
 * The commands to be proposed in the next turn: all of one turn are one input of the role, so that they share a batch
 * (rule 13). While the clock is in doubt, clients' wait here, as many as may wait at all (rule 35).
 */
export class GatheredCommands {
  #commands: Command[] = [];
  /** Proposed before, so they come first. */
  #again: Command[] = [];

  get waiting(): boolean {
    return this.#commands.length + this.#again.length > 0;
  }

  add(command: Command): void {
    this.#commands.push(command);
  }

  /** @param sure clients' may be proposed */
  take(sure: boolean): readonly Command[] {
    const all = [...this.#again, ...this.#commands];
    this.#again = [];
    const taken = sure ? all : all.filter(isOfSynod);
    this.#commands = taken.length === all.length ? [] : all.filter((command) => !isOfSynod(command));
    return taken;
  }

  /** The slot of a command had no room left for it: it comes before those that were not proposed yet, behind others put off. */
  putOff(command: Command): void {
    this.#again.push(command);
  }

  /**
   * The role gives commands back, which come before all others. Where one may not be decided a second time, nobody here can tell
   * what became of it: its caller is told so at its deadline.
   */
  giveBack(commands: readonly Command[]): void {
    this.#again = [...commands.filter(mayBeDecidedAgain), ...this.#again];
  }
}

function isOfSynod({ service }: Command): boolean {
  return service === systemService;
}

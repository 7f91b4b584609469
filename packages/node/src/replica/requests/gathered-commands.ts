import type { Command } from "@synod/core";
import { systemService } from "@synod/state-machine";
import { mayBeDecidedAgain } from "../system-commands.js";

/**
 * The commands to be proposed in the next turn: all of one turn are one input of the role, so that they share a batch
 * (rule 13). While the clock is in doubt, clients' wait here, as many as may wait at all (rule 35).
 */
export class GatheredCommands {
  #commands: Command[] = [];

  get waiting(): boolean {
    return this.#commands.length > 0;
  }

  add(command: Command): void {
    this.#commands.push(command);
  }

  /** @param sure clients' may be proposed */
  take(sure: boolean): readonly Command[] {
    const all = this.#commands;
    const taken = sure ? all : all.filter(isOfSynod);
    this.#commands = taken.length === all.length ? [] : all.filter((command) => !isOfSynod(command));
    return taken;
  }

  /**
   * The role gives commands back, which come before all others. Where one may not be decided a second time, nobody here can tell
   * what became of it: its caller is told so at its deadline.
   */
  giveBack(commands: readonly Command[]): void {
    this.#commands = [...commands.filter(mayBeDecidedAgain), ...this.#commands];
  }
}

function isOfSynod({ service }: Command): boolean {
  return service === systemService;
}

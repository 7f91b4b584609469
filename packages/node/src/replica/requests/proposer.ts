import type { Command, ReplicaInput } from "@synod/core";
import type { Engine } from "@synod/state-machine";
import { batch } from "@synod/wire";
import type { LogClock } from "../log-time/log-clock.js";
import { GatheredCommands } from "./gathered-commands.js";

export interface ProposerOptions {
  readonly engine: Pick<Engine, "system">;
  readonly clock: Pick<LogClock, "look" | "sure" | "say">;
  /** There is something to gather. */
  wake(): void;
}

/** Hands commands to the role for their batch, and makes the batch's bytes, which say log time (rules 13 and 35). */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #gathered = new GatheredCommands();

  constructor(options: ProposerOptions) {
    this.#options = options;
  }

  /** Commands wait to be given to the role. */
  get waiting(): boolean {
    return this.#gathered.waiting;
  }

  propose(command: Command): void {
    this.#gathered.add(command);
    this.#options.wake();
  }

  /** Proposes what was decided in a slot that had no room left for it. */
  proposeAgain(command: Command): void {
    this.#gathered.putOff(command);
    this.#options.wake();
  }

  /** The role gives commands back, to be proposed anew. */
  takeBack(commands: readonly Command[]): void {
    this.#gathered.giveBack(commands);
    this.#options.wake();
  }

  /** The clock may be sure again, for which clients' commands wait. */
  clockMoved(): void {
    if (this.#options.clock.sure && this.waiting) this.#options.wake();
  }

  /** All that may be proposed in this turn. */
  gather(): ReplicaInput | undefined {
    if (!this.waiting) return undefined;
    const { clock } = this.#options;
    clock.look();
    const commands = this.#gathered.take(clock.sure);
    return commands.length === 0 ? undefined : { kind: "requests", commands };
  }

  /** Before the commands go those that bring their services into use (rule 26). */
  encode(commands: readonly Command[]): Uint8Array {
    const { engine, clock } = this.#options;
    const all = [...engine.system.installationsFor(commands), ...commands];
    return batch.encode({ commands: all, ...clock.say() });
  }
}

import type { Command, ReplicaInput } from "@synod/core";
import type { Engine } from "@synod/state-machine";
import { batch } from "@synod/wire";
import { type Caller, thisProcess } from "../../transport/places.js";
import type { LogClock } from "../log-time/log-clock.js";
import type { ShareLimits } from "./contention.js";
import { GatheredCommands } from "./gathered-commands.js";
import type { Taken } from "./heavy-commands.js";
import type { HeavyTurnsOptions } from "./heavy-turns.js";

export interface ProposerOptions {
  readonly engine: Pick<Engine, "system">;
  readonly clock: Pick<LogClock, "look" | "sure" | "say">;
  readonly limits: ShareLimits;
  /** The room that a slot has for what its commands write, read and answer (rule 13). */
  readonly slotRoomBytes: number;
  readonly turns: HeavyTurnsOptions;
  /** What the role has waiting for its next batch. */
  queued(): { readonly commands: number; readonly bytes: number };
  /** There is something to gather. */
  wake(): void;
}

/**
 * Hands commands to the role for their batch, and makes the batch's bytes, which say log time (rules 13 and 35). Clients' wait
 * here until the next batch has room, so that whoever comes late takes its turn with the others (rule 12).
 */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #gathered: GatheredCommands;

  constructor(options: ProposerOptions) {
    this.#options = options;
    const { limits, slotRoomBytes, turns } = options;
    this.#gathered = new GatheredCommands(limits, slotRoomBytes, turns);
  }

  /** Clients' commands wait for the clock to be sure. */
  get held(): boolean {
    return this.#gathered.waiting && !this.#options.clock.sure;
  }

  /** Somebody asks for what is light, here or elsewhere. */
  get asked(): boolean {
    return this.#gathered.asked;
  }

  propose(command: Command, caller: Caller = thisProcess): void {
    this.#gathered.add(command, caller);
    this.#options.wake();
  }

  /** Proposes what was decided in a slot that had no room left for it. */
  proposeAgain(command: Command): void {
    this.#gathered.putOff(command);
    this.#options.wake();
  }

  /** A command that somebody waits for was executed, and took so many bytes of its slot's room. */
  executed(command: Command, bytes: number): void {
    this.#gathered.executed(command, bytes);
  }

  /** A slot was executed, whoever proposed it, and took so long. */
  applied(slot: number, taken: readonly Taken[], slotMs: number): void {
    this.#gathered.applied(slot, taken, slotMs);
  }

  /** Nobody waits for it any more. @returns true when it had not been given to the role, and never will be */
  forget(command: Command): boolean {
    const waited = this.#gathered.forget(command);
    if (!waited) this.roomLeft();
    return waited;
  }

  /** The role gives commands back, to be proposed anew. */
  takeBack(commands: readonly Command[]): void {
    this.#gathered.giveBack(commands);
    this.#options.wake();
  }

  /** The clock may be sure again, or heavy commands have rested, for which clients' commands wait. */
  clockMoved(): void {
    if (this.#options.clock.sure) this.roomLeft();
  }

  /** The role may be able to propose more. */
  roomLeft(): void {
    if (this.#gathered.waiting) this.#options.wake();
  }

  /** All that may be proposed in this turn. */
  gather(): ReplicaInput | undefined {
    if (!this.#gathered.waiting) return undefined;
    const { clock, queued } = this.#options;
    clock.look();
    const commands = this.#gathered.take(queued(), clock.sure);
    if (commands.length === 0) return undefined;
    this.roomLeft();
    return { kind: "requests", commands };
  }

  /** Before the commands go those that bring their services into use (rule 26). */
  encode(commands: readonly Command[]): Uint8Array {
    const { engine, clock } = this.#options;
    const all = [...engine.system.installationsFor(commands), ...commands];
    return batch.encode({ commands: all, ...clock.say() });
  }
}

import type { Command } from "@synod/core";
import { systemService } from "@synod/state-machine";
import { FairQueue } from "@synod/wire";
import { type Caller, thisProcess } from "../../transport/places.js";
import { mayBeDecidedAgain } from "../system-commands.js";
import { BatchRoom } from "./batch-room.js";
import { Contention, type ShareLimits } from "./contention.js";
import { HeavyCommands, type Taken } from "./heavy-commands.js";
import { HeavyTurns, type HeavyTurnsOptions } from "./heavy-turns.js";

/**
 * The commands to be proposed: all of one turn are one input of the role, so that they share a batch (rule 13). Those of this
 * process go first. Connections take turns, and of each little is under way while others ask too, so that little is before
 * anybody's command, however many commands others have waiting (rule 12). Heavy ones come last in a batch,
 * where they take no room from others, and few of them are under way.
 */
export class GatheredCommands {
  readonly #limits: ShareLimits;
  readonly #contention: Contention;
  /** This process's own. */
  #own: Command[] = [];
  /** What the role gave back. */
  #returned: Command[] = [];
  /** Synod's own that clients asked for, which wait for no clock (rule 35). */
  readonly #system = new FairQueue<Command>();
  readonly #clients = new FairQueue<Command>();
  /** Whose those are that somebody waits for, given to the role or not. */
  readonly #whose = new Map<Command, Caller>();
  /** Those that were given to the role, and whose they are. */
  readonly #underWay = new Map<Command, Caller>();
  readonly #rooms = new Map<Caller, BatchRoom>();
  readonly #heavy: HeavyCommands;
  /** They were proposed before, so that a copy may yet be executed. */
  readonly #putOff = new WeakSet<Command>();

  /**
   * @param roomBytes that a slot has for what its commands write, read and answer
   */
  constructor(limits: ShareLimits, roomBytes: number, turns: HeavyTurnsOptions) {
    const { scheduler } = turns;
    this.#limits = limits;
    this.#heavy = new HeavyCommands(roomBytes, new HeavyTurns(turns), () => scheduler.nowMs());
    this.#contention = new Contention(limits, scheduler);
  }

  get waiting(): boolean {
    const lists = this.#own.length + this.#returned.length;
    return lists + this.#system.size + this.#clients.size > 0;
  }

  /** Somebody asks for what is light, here or elsewhere. */
  get asked(): boolean {
    return this.#heavy.asked;
  }

  add(command: Command, caller: Caller): void {
    if (caller === thisProcess) {
      this.#own.push(command);
      return;
    }
    this.#contention.asks(caller);
    this.#heavy.came(caller, command);
    this.#whose.set(command, caller);
    this.#queueOf(command).add(caller, command);
  }

  /** It was executed, and took so many bytes of its slot's room. */
  executed(command: Command, bytes: number): void {
    const caller = this.#whose.get(command);
    if (caller !== undefined) this.#heavy.learn(caller, command, bytes);
  }

  /** A slot was executed, whoever proposed it, and took so long. */
  applied(slot: number, taken: readonly Taken[], slotMs: number): void {
    this.#heavy.applied(slot, taken, slotMs);
  }

  /** Nobody waits for it any more. @returns true when it was never taken, and never will be */
  forget(command: Command): boolean {
    const caller = this.#whose.get(command);
    if (caller === undefined) return false;
    this.#whose.delete(command);
    if (this.#leave(command)) return false;
    return this.#queueOf(command).remove(caller, command) && !this.#putOff.has(command);
  }

  /**
   * @param queued what is in the next batch already
   * @param sure those that wait for the clock may be proposed
   */
  take(queued: { readonly commands: number; readonly bytes: number }, sure: boolean): readonly Command[] {
    const taken = this.#own.splice(0);
    if (sure) taken.push(...this.#returned.splice(0));
    const batch = new BatchRoom(queued);
    for (const command of taken) batch.add(command);
    this.#fill(this.#system, batch, taken, false);
    if (!sure) return taken;
    for (const heavy of [false, true]) this.#fill(this.#clients, batch, taken, heavy);
    return taken;
  }

  /**
   * The slot of a command had no room left for it: it comes before those of its connection that were not proposed yet, behind others
   * put off. Other connections have their turns all the same.
   */
  putOff(command: Command): void {
    const caller = this.#whose.get(command);
    if (caller === undefined) this.#returned.push(command);
    // The copy may be another replica's, while this one's waits for its turn.
    if (caller === undefined || !this.#leave(command)) return;
    this.#putOff.add(command);
    this.#queueOf(command).add(caller, command, true);
  }

  /**
   * The role gives commands back, which come before all others. Where one may not be decided a second time, nobody here can tell
   * what became of it: its caller is told so at its deadline.
   */
  giveBack(commands: readonly Command[]): void {
    const again = commands.filter(mayBeDecidedAgain);
    this.#own.unshift(...again.filter(isOfSynod));
    this.#returned.unshift(...again.filter((command) => !isOfSynod(command)));
  }

  #queueOf(command: Command): FairQueue<Command> {
    return isOfSynod(command) ? this.#system : this.#clients;
  }

  #fill(from: FairQueue<Command>, batch: BatchRoom, taken: Command[], heavy: boolean): void {
    const { share } = this.#contention;
    for (;;) {
      let whose = thisProcess;
      const command = from.take((caller, next) => {
        whose = caller;
        if (heavy ? !this.#heavy.fits(caller, next) : this.#heavy.isHeavy(caller, next)) return false;
        return batch.fits(next, this.#limits) && (this.#rooms.get(caller)?.fits(next, share) ?? true);
      });
      if (command === undefined) return;
      const room = this.#rooms.get(whose) ?? new BatchRoom();
      this.#rooms.set(whose, room);
      for (const each of [batch, room]) each.add(command);
      this.#underWay.set(command, whose);
      this.#heavy.begin(whose, command);
      taken.push(command);
    }
  }

  /** @returns true when it was under way until now */
  #leave(command: Command): boolean {
    const caller = this.#underWay.get(command);
    if (caller === undefined) return false;
    this.#underWay.delete(command);
    this.#heavy.end(command);
    const room = this.#rooms.get(caller);
    room?.remove(command);
    if (room?.empty) this.#rooms.delete(caller);
    return true;
  }
}

function isOfSynod({ service }: Command): boolean {
  return service === systemService;
}

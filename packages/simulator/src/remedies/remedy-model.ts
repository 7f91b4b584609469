import type { Command } from "@synod/core";
import { type Remedy, Status, systemCommandOf } from "@synod/state-machine";
import { Violation } from "../violation.js";

/** The remedies that the log decided, and what each slot is executed with, by the words of rule 33 alone. */
export class RemedyModel {
  /** By slot: those that count, in the order in which they were decided. */
  readonly #counting = new Map<number, Remedy[]>();
  /** By the place of the command: the status that every replica answers it with. */
  readonly #statuses = new Map<string, number>();

  /**
   * The next slot is chosen.
   * @param executed some replica has executed every slot up to this one
   */
  chosen(slot: number, commands: readonly Command[], executed: number): void {
    commands.forEach((command, index) => {
      const said = systemCommandOf(command);
      if (said?.kind !== "remedy") return;
      const counts = this.#take(said.remedy, slot, executed);
      this.#statuses.set(`${slot}/${index}`, counts ? Status.ok : Status.failedPrecondition);
    });
  }

  /** The status of a decided remedy; undefined for another command. */
  statusAt(slot: number, index: number): number | undefined {
    return this.#statuses.get(`${slot}/${index}`);
  }

  /** All that count for a slot. */
  of(slot: number): readonly Remedy[] {
    return this.#counting.get(slot) ?? [];
  }

  /** True when a decided remedy has a command of a service left out, or one that is due after the batch. */
  skips(slot: number, index: number, batchLength: number): boolean {
    return this.of(slot).some(({ skip }) => skip === index || (skip === "batch" && index < batchLength));
  }

  /** True when nothing that is due may run in a slot: it runs in the next. */
  delaysDue(slot: number): boolean {
    return this.of(slot).some(({ skip }) => skip === "batch");
  }

  /** Returns whether it counts, or repeats one that does. */
  #take(remedy: Remedy, decidedIn: number, executed: number): boolean {
    const { slot, number, skip, retire } = remedy;
    const before = this.of(slot);
    const known = before[number - 1];
    if (known !== undefined) return known.skip === skip;
    if (slot >= decidedIn || number !== before.length + 1) return false;
    if ((skip !== undefined || retire !== undefined) && slot <= executed)
      throw new Violation(
        `slot ${decidedIn} decides remedy ${number} for slot ${slot}, which a replica has executed without it`,
      );
    this.#counting.set(slot, [...before, remedy]);
    return true;
  }
}

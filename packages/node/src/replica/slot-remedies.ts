import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { advanceTimeMethod, type Remedy, remedyMethod } from "@synod/state-machine";
import type { ExecutionMarker, HeldSlot } from "@synod/storage";
import type { DecidedIn, DecideRemedyRequest, HeldSlotAnswer, HoldSlotRequest, Scheduler } from "@synod/wire";
import { waitMs } from "../transport/callers.js";
import { CallError, type UnaryCall } from "../transport/server.js";
import { Patience } from "./patience.js";
import type { Performer } from "./performer.js";
import { executeOne } from "./replicated-services.js";
import type { Requests } from "./requests/requests.js";
import type { SystemCommands } from "./system-commands.js";

export interface SlotRemediesOptions {
  readonly commands: SystemCommands;
  readonly requests: Requests;
  readonly scheduler: Pick<Scheduler, "after" | "nowMs">;
  propose(command: Command): void;
  readonly marker: Pick<ExecutionMarker, "executed" | "held" | "heldAt" | "hold"> | undefined;
  readonly performer: Pick<Performer, "haltIfUnfit" | "remediesOfNext">;
  /** The last slot applied here. */
  appliedSlot(): number;
  /** The last slot that the store has kept. */
  durableSlot(): number;
  /** The highest slot known to be decided. */
  highestKnown(): number;
  /** The last remedy that a slot was executed with; 0 when there was none. */
  remedyOf(slot: number): number;
}

/**
 * People's requests to a replica about a slot that cannot be executed (rule 33): first, of every replica, the promise not to
 * execute it before a decision; then, of one, the decision. Between the two no replica can execute the slot, so the decision
 * finds none that did.
 */
export class SlotRemedies {
  readonly #options: SlotRemediesOptions;

  constructor(options: SlotRemediesOptions) {
    this.#options = options;
  }

  hold({ slot, number }: HoldSlotRequest): { response: HeldSlotAnswer } {
    const { marker, performer, highestKnown } = this.#options;
    const appliedSlot = this.#options.appliedSlot();
    const decided = slot === appliedSlot + 1 && performer.remediesOfNext >= number;
    if (slot <= appliedSlot || decided)
      return { response: { held: false, appliedSlot, appliedRemedy: this.#options.remedyOf(slot) } };
    if (slot > Math.max(highestKnown(), appliedSlot) + 1)
      throw refused(`expected a slot up to ${highestKnown() + 1}, the next to be decided, found ${slot}`);
    if (marker === undefined) throw refused("this replica keeps its state in memory, and no promise");
    if (slot <= marker.executed)
      throw refused(
        `this replica executed slot ${slot} and may have answered its commands, though its store had not kept it when its process ended: ` +
          "start it once more with the build that executed it, and stop it in good order",
      );
    const held = marker.heldAt(slot);
    const other = marker.held.find((each) => each.slot > appliedSlot);
    if (held === undefined && other !== undefined)
      throw refused(
        `this replica holds slot ${other.slot} already: let that be decided first, or take it back: \`synod skip ${other.slot} --undo\``,
      );
    if (held === undefined || held.remedies < number) this.#promise({ slot, remedies: number }, marker);
    performer.haltIfUnfit();
    return { response: { held: true, appliedSlot, appliedRemedy: 0 } };
  }

  #promise(held: HeldSlot, marker: Pick<ExecutionMarker, "held" | "hold">): void {
    const durable = this.#options.durableSlot();
    const binding = marker.held.filter(({ slot }) => slot > durable);
    if (binding.length >= maxPromises)
      throw refused(
        `expected at most ${maxPromises} promises about slots that the store has not kept yet, found as many: ask again in a second`,
      );
    marker.hold(held, durable);
  }

  async decide(call: UnaryCall<DecideRemedyRequest>): Promise<{ response: DecidedIn }> {
    const { slot, number, skip, retire } = call.request;
    const { commands, marker, requests, appliedSlot } = this.#options;
    const held = marker?.heldAt(slot);
    if (held === undefined || held.remedies < number || appliedSlot() >= slot)
      throw refused(
        `expected a slot that this replica promised not to execute before remedy ${number}, found ${slot}: ask every replica first`,
      );
    await this.#decidedUpTo(slot, call);
    const remedy: Remedy = {
      ...{ slot, number },
      ...(skip === undefined ? {} : { skip }),
      ...(retire.length === 0 ? {} : { retire }),
    };
    const decided = await executeOne(requests, call, commands.make(remedyMethod, remedy));
    return { response: { slot: decided.slot } };
  }

  /** A remedy stands above its slot, which nobody may have asked anything of yet. */
  async #decidedUpTo(slot: number, call: UnaryCall<unknown>): Promise<void> {
    const { commands, scheduler, highestKnown, propose } = this.#options;
    const giveUpAt = scheduler.nowMs() + waitMs(call);
    const patience = new Patience(() => scheduler.nowMs());
    while (highestKnown() < slot) {
      const now = scheduler.nowMs();
      if (now > giveUpAt)
        throw new CallError(grpc.status.UNAVAILABLE, `slot ${slot} was not decided in time; ask again`);
      if (patience.over) {
        patience.proposed();
        propose(commands.make(advanceTimeMethod));
      }
      await new Promise<void>((resolve) => scheduler.after(checkMs, resolve));
    }
  }
}

/** Promises that are kept at once: for more, slots would have to be held faster than the store keeps any. */
const maxPromises = 16;
const checkMs = 10;

function refused(details: string): CallError {
  return new CallError(grpc.status.FAILED_PRECONDITION, details);
}

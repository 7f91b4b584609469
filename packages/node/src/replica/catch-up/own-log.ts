import type { Decision, Member } from "@synod/core";
import { anotherCluster, type LogPage, type LogReader, passed, type Scheduler } from "@synod/wire";
import type { HostLogger } from "../../process/host.js";
import type { OtherReplica } from "./other-replica.js";

const pageWithinMs = 10_000;
const appliedCheckMs = 5;
/** Whoever has applied what it lacked waits so long, at most, until that is on its disk as well. */
const flushedWithinMs = 5_000;

export interface OwnLogOptions {
  readonly clusterId: string;
  /** Id of this replica. */
  readonly replica: string;
  readonly scheduler: Scheduler;
  readonly logger: HostLogger;
  /** The lowest slot not applied here. */
  slotOut(): number;
  /** Everything up to this slot is on the disk here. */
  durableSlot(): number;
  /** Below it nobody but a replica need know what was decided. */
  trimmedBelow(): number;
  /** Hands a decided slot to the role. False asks to wait until `whenRoom` calls back. */
  learn(decision: Decision): boolean;
  whenRoom(callback: () => void): void;
}

/** The log of a replica that lags, as it goes on with what others have of it. */
export class OwnLog {
  readonly #options: OwnLogOptions;
  #closed = false;

  constructor(options: OwnLogOptions) {
    this.#options = options;
  }

  /** It lacks what leaders need not know any more. */
  get behind(): boolean {
    return !this.#closed && this.#slotOut < this.#options.trimmedBelow();
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * Takes what is lacking from the log of a peer, until leaders know the rest. False when that log begins above it.
   * @param helped called for each page that did help
   */
  async goOn(other: OtherReplica, peer: Member, helped: () => void): Promise<boolean> {
    const { trimmedBelow, logger } = this.#options;
    const { id } = peer;
    if (!this.behind) return true;
    logger.info({ peer: id, slotOut: this.#slotOut, trimmedBelow: trimmedBelow() }, `catching up from ${id}`);
    let from = this.#slotOut;
    let coming: Promise<LogPage> | undefined;
    while (this.behind) {
      const { decisions } = await (coming ?? this.#logPage(other, peer, from));
      const last = decisions.at(-1);
      if (last === undefined || decisions[0]?.slot !== from) return false;
      helped();
      // The next page travels while this one is applied. Leaders may have told of what is in it, too, by then.
      from = Math.max(last.slot + 1, this.#slotOut);
      coming = from < trimmedBelow() ? this.#logPage(other, peer, from) : undefined;
      coming?.catch(() => {});
      for (const decision of decisions)
        if (!this.#options.learn(decision)) await new Promise<void>((room) => this.#options.whenRoom(room));
      await this.#applied(last.slot);
      if (coming === undefined) from = this.#slotOut;
    }
    await this.takeLeave(other);
    return true;
  }

  async #logPage(other: OtherReplica, { id, address }: Member, from: number): Promise<LogPage> {
    const { clusterId } = this.#options;
    const page = await other.log({ from, limit: 0, clusterId, reader: this.#reader }, pageWithinMs);
    // Addresses change and are used again: what another cluster decided in a slot is nothing to this one (rule 28).
    if (page.clusterId !== clusterId)
      throw new Error(
        anotherCluster(`the process that answers for ${id} at ${address}`, page.clusterId, clusterId),
      );
    return page;
  }

  /** Tells a peer, if it hears it, what this replica has on its disk now: it need not keep anything below any longer. */
  async takeLeave(other: OtherReplica): Promise<void> {
    const { clusterId, slotOut, durableSlot, scheduler } = this.#options;
    const applied = slotOut() - 1;
    const giveUpAt = scheduler.nowMs() + flushedWithinMs;
    while (durableSlot() < applied && !this.#closed && scheduler.nowMs() < giveUpAt)
      await passed(scheduler, appliedCheckMs);
    if (this.#closed) return;
    const request = { from: slotOut(), limit: 1, clusterId, reader: this.#reader };
    await other.log(request, pageWithinMs).catch(() => {});
  }

  get #reader(): LogReader {
    const { replica, durableSlot } = this.#options;
    return { member: replica, durableSlot: durableSlot() };
  }

  async #applied(slot: number): Promise<void> {
    const { scheduler, slotOut } = this.#options;
    const giveUpAt = scheduler.nowMs() + pageWithinMs;
    while (slotOut() <= slot && !this.#closed) {
      if (scheduler.nowMs() > giveUpAt)
        throw new Error(`slot ${slot} was not applied within ${pageWithinMs} ms`);
      await passed(scheduler, appliedCheckMs);
    }
  }

  /** The lowest slot that is lacking. A state that has just been taken in counts before the role has heard of it. */
  get #slotOut(): number {
    return Math.max(this.#options.slotOut(), this.#options.durableSlot() + 1);
  }
}

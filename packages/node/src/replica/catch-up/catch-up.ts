import type { Decision, Member } from "@synod/core";
import { anotherCluster, passed, type Scheduler } from "@synod/wire";
import { messageOf } from "../../process/failure.js";
import type { HostLogger } from "../../process/host.js";
import type { OtherReplica } from "./other-replica.js";
import type { SnapshotReceiver } from "./snapshot-receiver.js";
import { type Other, otherOf, slotToReach } from "./start-up.js";

/** The time between looks at whether this replica lags too far, in milliseconds. */
export const catchUpCheckMs = 200;

/** Before another round of all peers, when none could help. */
const againMs = 1_000;
const pageWithinMs = 10_000;
const appliedCheckMs = 5;
/** A replica that starts waits so long for what another one says of itself. */
const statusWithinMs = 1_000;

export interface CatchUpOptions {
  readonly clusterId: string;
  /** The other replicas. */
  readonly peers: readonly Member[];
  /** Another replica, to be closed when nothing more is wanted of it. */
  reach(peer: Member): OtherReplica;
  readonly scheduler: Scheduler;
  /** Draws from 0 to 1. */
  readonly random: () => number;
  readonly logger: HostLogger;
  readonly receiver: SnapshotReceiver;
  /** The lowest slot not applied here. */
  slotOut(): number;
  /** See `Own`. */
  introduced(): boolean;
  /** Below it nobody but a replica need know what was decided. */
  trimmedBelow(): number;
  /** Hands a decided slot to the role. False asks to wait until `whenRoom` calls back. */
  learn(decision: Decision): boolean;
  whenRoom(callback: () => void): void;
}

/**
 * Brings a replica up that lags behind the trim point, where leaders need not know decisions any more (rule 19; PMMC 4.2):
 * from the log of another replica where that reaches back far enough, else with its snapshot. Over channels of its own,
 * so that no message of the protocol waits behind it.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #running = false;
  #beginning = "";
  /** The reason why each peer could not help, the last time it was asked. */
  readonly #problems = new Map<string, string>();
  #closed = false;
  #other: OtherReplica | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /**
   * Before a replica learns anything from leaders: resolves once it may go on from what it has applied. Where the others are
   * beyond what it may execute by itself, that is when it has the state of one of them (rule 32).
   */
  async begin(): Promise<void> {
    const { peers, slotOut, introduced, logger } = this.#options;
    for (let round = 0; !this.#closed; round++) {
      this.#beginning = "asks the other replicas up to where it may execute what was decided by itself";
      const others = (await Promise.all(peers.map((peer) => this.#ask(peer)))).flatMap(
        (other) => other ?? [],
      );
      const own = { appliedSlot: slotOut() - 1, introduced: introduced() };
      const slot = slotToReach(own, others);
      if (slot === undefined || this.#closed) break;
      this.#beginning =
        `has applied slot ${slotOut() - 1}; what was decided up to slot ${slot} was executed by others, under versions or by builds that ` +
        "are not its own, so it waits for the state of one of them";
      if (round === 0) logger.info({ slot }, this.#beginning);
      for (const { member } of others.filter(({ appliedSlot }) => appliedSlot >= slot))
        if (slotOut() <= slot) await this.#tried(member, (other) => this.#snapshot(other, member, slot));
      if (slotOut() <= slot && !this.#closed) await passed(this.#options.scheduler, againMs);
    }
    this.#beginning = "";
    this.#problems.clear();
  }

  /** The reason why it does not learn from leaders yet; empty when it does. */
  get beginning(): string {
    return this.#beginning;
  }

  async #ask(member: Member): Promise<Other | undefined> {
    const { reach, clusterId } = this.#options;
    const other = reach(member);
    try {
      return otherOf(member, await other.status(statusWithinMs), clusterId);
    } catch {
      // It does not run, or not yet: then nobody can be helped by it.
      return undefined;
    } finally {
      other.close();
    }
  }

  /** To be called every `catchUpCheckMs`. */
  tick(): void {
    if (this.#running || this.#closed || !this.#behind) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  /** The reason why it takes long, when it does: what each peer said that could not help. */
  get problems(): readonly string[] {
    return [...this.#problems].map(([peer, problem]) => `${peer}: ${problem}`);
  }

  close(): void {
    this.#closed = true;
    this.#other?.close();
  }

  get #behind(): boolean {
    return this.#options.slotOut() < this.#options.trimmedBelow();
  }

  async #run(): Promise<void> {
    const { peers, random, scheduler } = this.#options;
    // Another order each time, so that not everybody asks the same one.
    const order = [...peers].sort(() => random() - 0.5);
    for (const peer of order) {
      if (this.#closed || !this.#behind) return;
      await this.#tried(peer, (other) => this.#from(other, peer));
    }
    if (this.#behind) await passed(scheduler, againMs);
  }

  async #tried(peer: Member, help: (other: OtherReplica) => Promise<void>): Promise<void> {
    const { reach, logger } = this.#options;
    const { id } = peer;
    const other = reach(peer);
    this.#other = other;
    try {
      await help(other);
      this.#problems.clear();
    } catch (error) {
      if (this.#closed) return;
      this.#problems.set(id, messageOf(error));
      logger.warn({ peer: id, err: error }, `catching up from ${id} failed`);
    } finally {
      this.#other = undefined;
      other.close();
    }
  }

  async #from(other: OtherReplica, peer: Member): Promise<void> {
    const { slotOut, trimmedBelow, logger } = this.#options;
    const { id, address } = peer;
    logger.info({ peer: id, slotOut: slotOut(), trimmedBelow: trimmedBelow() }, `catching up from ${id}`);
    if (!(await this.#fromLog(other, `the process that answers for ${id} at ${address}`)))
      await this.#snapshot(other, peer);
  }

  async #snapshot(other: OtherReplica, { id }: Member, atLeast = 0): Promise<void> {
    const { receiver, slotOut, logger } = this.#options;
    await receiver.receive(other, id, atLeast);
    logger.info({ peer: id, slotOut: slotOut() }, `the state is that of ${id} now`);
  }

  /** False when the peer's log begins above what is lacking here. */
  async #fromLog(other: OtherReplica, peer: string): Promise<boolean> {
    const { slotOut, clusterId } = this.#options;
    for (let from = slotOut(); this.#behind && !this.#closed; from = slotOut()) {
      const page = await other.log({ from, limit: 0, clusterId }, pageWithinMs);
      // Addresses change and are used again: what another cluster decided in a slot is nothing to this one (rule 28).
      if (page.clusterId !== clusterId) throw new Error(anotherCluster(peer, page.clusterId, clusterId));
      const { decisions } = page;
      const last = decisions.at(-1);
      if (decisions[0]?.slot !== from || last === undefined) return false;
      for (const decision of decisions)
        if (!this.#options.learn(decision)) await new Promise<void>((room) => this.#options.whenRoom(room));
      await this.#applied(last.slot);
    }
    return true;
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
}

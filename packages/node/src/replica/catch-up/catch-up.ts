import { status as grpcStatus } from "@grpc/grpc-js";
import type { Member } from "@synod/core";
import { type CatchingUpStatus, passed } from "@synod/wire";
import { messageOf } from "../../process/failure.js";
import type { OtherReplica } from "./other-replica.js";
import { OwnLog, type OwnLogOptions } from "./own-log.js";
import { Progress } from "./progress.js";
import { DamagedPage } from "./snapshot-pages.js";
import { type SnapshotReceiver, UnfitSnapshot } from "./snapshot-receiver.js";
import { type Other, otherOf, slotToReach } from "./start-up.js";

/** The time between looks at whether this replica lags too far, in milliseconds. */
export const catchUpCheckMs = 200;

/** Before another round of all peers, when none could help. */
const againMs = 1_000;
/** After a transfer was cut it goes on with the same peer within this. */
const goOnMs = 200;
/** A peer that helped, and then gives nothing for so long, is left for another one, with which a state begins anew. */
const patienceMs = 15_000;
/** A replica that starts waits so long for what another one says of itself. */
const statusWithinMs = 1_000;
/** With these a peer says that it does not help: to ask it again at once would be in vain. */
const refusals = new Set([
  grpcStatus.ABORTED,
  grpcStatus.FAILED_PRECONDITION,
  grpcStatus.INVALID_ARGUMENT,
  grpcStatus.RESOURCE_EXHAUSTED,
  grpcStatus.UNIMPLEMENTED,
]);

export interface CatchUpOptions extends OwnLogOptions {
  /** The other replicas. */
  readonly peers: readonly Member[];
  /** Another replica, to be closed when nothing more is wanted of it. */
  reach(peer: Member): OtherReplica;
  /** Draws from 0 to 1. */
  readonly random: () => number;
  readonly receiver: SnapshotReceiver;
  /** See `Own`. */
  introduced(): boolean;
}

/** Help of a peer that is connected. */
type Help = (other: OtherReplica, peer: Member) => Promise<void>;

/**
 * Brings a replica up that lags behind the trim point, where leaders need not know decisions any more (rule 19; PMMC 4.2):
 * from the log of another replica where that reaches back far enough, else with its snapshot. It stays with whoever helps,
 * since only that one keeps the snapshot that has come in half, and the log behind it. Over channels of its own,
 * so that no message of the protocol waits behind it.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #log: OwnLog;
  readonly #progress: Progress;
  #running = false;
  #beginning = "";
  /** The reason why each peer could not help, the last time it was asked. */
  readonly #problems = new Map<string, string>();
  #closed = false;
  #other: OtherReplica | undefined;
  /** The peer that gave something, and when it last did. */
  #giver: { readonly peer: Member; readonly atMs: number } | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#log = new OwnLog(options);
    const { scheduler, slotOut, trimmedBelow } = options;
    this.#progress = new Progress({ scheduler, slotsLeft: () => Math.max(0, trimmedBelow() - slotOut()) });
    const unfinished = options.peers.find(({ id }) => id === options.receiver.giver);
    if (unfinished !== undefined) this.#helped(unfinished);
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
      const able = others.filter(({ appliedSlot }) => appliedSlot >= slot).map(({ member }) => member);
      const lacks = () => slotOut() <= slot && !this.#closed;
      await this.#ofAny(able, lacks, async (other, peer) => {
        await this.#state(other, peer, slot);
        await this.#log.takeLeave(other);
      });
      if (lacks()) await passed(this.#options.scheduler, againMs);
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

  /** The progress, for status; undefined while nobody helps. */
  get progress(): CatchingUpStatus | undefined {
    return this.#progress.status;
  }

  close(): void {
    this.#closed = true;
    this.#log.close();
    this.#other?.close();
  }

  get #behind(): boolean {
    return this.#log.behind;
  }

  async #run(): Promise<void> {
    const { peers, random, scheduler } = this.#options;
    // Another order each time, so that not everybody asks the same one.
    const order = [...peers].sort(() => random() - 0.5);
    const lacks = () => this.#behind;
    // A log is less than a state, and whoever gave one before keeps its log for this replica.
    await this.#ofAny(order, lacks, async (other, peer) => {
      if (this.#giver?.peer === peer) await this.#from(other, peer);
      else await this.#fromLog(other, peer);
    });
    await this.#ofAny(order, lacks, (other, peer) => this.#from(other, peer));
    if (lacks()) await passed(scheduler, againMs);
  }

  /** Asks the one that gave something before, for as long as it goes on giving, and then each of the others. */
  async #ofAny(order: readonly Member[], lacks: () => boolean, help: Help): Promise<void> {
    await this.#stay(lacks, help);
    for (const peer of order) {
      if (!lacks()) return;
      await this.#tried(peer, help);
      await this.#stay(lacks, help);
    }
  }

  async #stay(lacks: () => boolean, help: Help): Promise<void> {
    const { scheduler } = this.#options;
    for (let giver = this.#giver; lacks() && giver !== undefined; giver = this.#giver) {
      if (scheduler.nowMs() - giver.atMs >= patienceMs) {
        this.#giver = undefined;
        return;
      }
      await this.#tried(giver.peer, help);
      if (lacks()) await passed(scheduler, goOnMs);
    }
  }

  #helped(peer: Member): void {
    this.#giver = { peer, atMs: this.#options.scheduler.nowMs() };
  }

  async #tried(peer: Member, help: Help): Promise<void> {
    const { reach, logger } = this.#options;
    const { id } = peer;
    const other = reach(peer);
    this.#other = other;
    this.#progress.begins(id);
    try {
      await help(other, peer);
      this.#problems.clear();
    } catch (error) {
      if (this.#closed) return;
      this.#problems.set(id, messageOf(error));
      logger.warn({ peer: id, err: error }, `catching up from ${id} failed`);
      if (this.#giver?.peer === peer && !mayGoOn(error)) this.#giver = undefined;
    } finally {
      this.#progress.ends();
      this.#other = undefined;
      other.close();
    }
  }

  /** From the peer's log, and where that does not reach back far enough with its state, and then the log behind that. */
  async #from(other: OtherReplica, peer: Member): Promise<void> {
    while (!(await this.#fromLog(other, peer)) && !this.#closed) await this.#state(other, peer);
  }

  #fromLog(other: OtherReplica, peer: Member): Promise<boolean> {
    return this.#log.goOn(other, peer, () => this.#helped(peer));
  }

  async #state(other: OtherReplica, peer: Member, atLeast = 0): Promise<void> {
    const { receiver, slotOut, logger } = this.#options;
    const { id } = peer;
    await receiver.receive(
      other,
      id,
      (page) => {
        this.#helped(peer);
        this.#progress.cameIn(page);
      },
      atLeast,
    );
    this.#helped(peer);
    this.#progress.installed();
    logger.info({ peer: id, slotOut: slotOut() }, `the state is that of ${id} now`);
  }
}

/** False where the peer will say the same again, or what it gives is of no use. */
function mayGoOn(error: unknown): boolean {
  if (error instanceof UnfitSnapshot || error instanceof DamagedPage) return false;
  const { code } = error as { code?: grpcStatus };
  return code === undefined || !refusals.has(code);
}

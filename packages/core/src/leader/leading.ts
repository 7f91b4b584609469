import type { Ballot } from "../ballot.js";
import type { Peer } from "../input.js";
import { invariant } from "../invariant.js";
import type { P1b, P2b } from "../message.js";
import { noOperation, type ProposalId, type PValue, proposalKey, proposalOf, type Value } from "../pvalue.js";
import { Commander } from "./commander.js";
import type { LeaderContext } from "./leader-context.js";
import { PhaseOne } from "./phase-one.js";
import { ProposalQueue } from "./proposal-queue.js";
import { Recalls } from "./recalls.js";

/**
 * One ballot that a leader runs for or leads (PMMC 2.2, figure 7): phase 1 tells what may be proposed in a slot, then each
 * slot gets a commander. Preemption ends all of it at once: the leader lets go of it.
 */
export class Leading {
  readonly ballot: Ballot;
  readonly #context: LeaderContext;
  readonly #phaseOne: PhaseOne;
  readonly #recalls: Recalls;
  readonly #commanders = new Map<number, Commander>();
  /** The slot each proposal was given under this ballot: one id never gets two (rule 10). */
  readonly #assigned = new Map<string, number>();
  readonly #queue: ProposalQueue;
  /** Everything below is decided or has a commander. */
  #nextSlot: number;
  /** No-ops fill every free slot up to here (rule 15). */
  #fillThrough = 0;

  constructor(ballot: Ballot, context: LeaderContext) {
    this.ballot = ballot;
    this.#context = context;
    this.#nextSlot = context.learned.slotOut;
    this.#queue = new ProposalQueue(context.limits);
    this.#recalls = new Recalls(ballot, context);
    this.#phaseOne = new PhaseOne(ballot, context);
    this.#fill();
  }

  /** It may give slots to proposals. */
  get active(): boolean {
    return this.#phaseOne.active;
  }

  /** Not adopted within the time that a scout has. */
  get timedOut(): boolean {
    return this.#phaseOne.timedOut;
  }

  /** The slot whose claimed decision phase 1 did not find: nobody may lead on (rule 28). */
  get refuted(): number | undefined {
    return this.#phaseOne.refuted;
  }

  get commanders(): number {
    return this.#commanders.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  tick(): void {
    this.#phaseOne.tick();
    this.#recalls.tick();
    for (const commander of this.#commanders.values()) this.#ask(commander.tick(), commander);
  }

  /** At every heartbeat the acceptors of all configurations served are told that this ballot is led (rule 11). */
  beat(beat: number): void {
    const { acceptors, learned } = this.#context;
    const members = learned.serving.flatMap((configuration) => configuration.acceptors);
    for (const id of new Set(members.map((member) => member.id)))
      acceptors.ask(id, { kind: "heartbeat", ballot: this.ballot, beat });
  }

  /** An acceptor can be talked to again: the answers that it owes are asked for at once. */
  connected(acceptor: string): void {
    this.#phaseOne.connected(acceptor);
    this.#recalls.connected(acceptor);
    for (const commander of this.#commanders.values()) {
      if (!commander.silent.includes(acceptor)) continue;
      commander.asked(acceptor);
      this.#ask([acceptor], commander);
    }
  }

  /** A value to decide (rule 10). */
  propose(value: Value, proposal: ProposalId): void {
    this.#queue.add(proposalKey(proposal), value);
    this.#fill();
  }

  /** A replica lacks an undecided slot: every free slot up to it gets a no-op (rule 15), within the window. */
  fillThrough(slot: number): void {
    this.#fillThrough = Math.max(this.#fillThrough, Math.min(slot, this.#context.learned.windowEnd - 1));
    this.#fill();
  }

  /** A replica lacks a slot that is decided, but whose decision is not kept (rule 9). */
  recall(slot: number, asker: Peer): void {
    this.#recalls.begin(slot, asker);
  }

  /** Slot_out moved, by a decision or by a fact learned from somebody else: lets go of what that settles. */
  settled(): void {
    const { slotOut } = this.#context.learned;
    for (const [slot, { pvalue }] of this.#commanders) if (slot < slotOut) this.#end(pvalue);
    this.#advance();
  }

  /** Acceptors may have forgotten more (rule 9). */
  trimmed(): void {
    this.#recalls.trimmed();
  }

  receiveP1b(answer: P1b): void {
    this.#recalls.receive(answer);
    if (this.#phaseOne.receive(answer)) this.#fill();
  }

  receiveP2b(answer: P2b): void {
    const commander = this.#commanders.get(answer.slot);
    if (!commander?.receive(answer)) return;
    const { slot, value } = commander.pvalue;
    this.#end(commander.pvalue);
    this.#context.learned.learn(slot, value);
    this.#context.delay.restart();
    this.#context.replicas.tell({ kind: "decision", slot, value });
    this.#advance();
  }

  /**
   * Judges a claim made after phase 1, that everything below `slot` is decided. It can be true under this ballot if each
   * slot was found or proposed. Else a higher ballot decided it, which acceptors will tell soon, or nobody did (rule 28).
   *
   * @returns undefined while phase 1 has not told enough
   */
  shows(slot: number): boolean | undefined {
    const { learned } = this.#context;
    for (let below = learned.slotOut; below < slot; below++) {
      if (learned.get(below) || this.#commanders.has(below)) continue;
      const scout = this.#phaseOne.adoptedAt(below);
      if (scout === undefined && this.active) return true; // Its acceptors are not asked by this ballot, so none contradicts.
      if (scout === undefined || scout.covered <= below) return undefined;
      if (!scout.found.has(below)) return false;
    }
    return true;
  }

  #advance(): void {
    this.#phaseOne.advance();
    this.#fill();
  }

  /** Starts commanders in slot order while the window allows, so no hole is left (rules 7 and 10). */
  #fill(): void {
    const { learned } = this.#context;
    this.#nextSlot = Math.max(this.#nextSlot, learned.slotOut);
    for (; this.#nextSlot < learned.windowEnd; this.#nextSlot++) {
      if (learned.get(this.#nextSlot)) continue;
      const safe = this.#phaseOne.safeValue(this.#nextSlot);
      if (safe === "unknown") return;
      const value = safe === "any" ? this.#valueForFree(this.#nextSlot) : safe;
      if (!value) return;
      this.#command(this.#nextSlot, value);
    }
  }

  /**
   * The next proposal that has no slot yet. Without one, a no-op where a replica waits for the slot (rule 15) or a decided
   * configuration for its turn (rule 22), else nothing.
   */
  #valueForFree(slot: number): Value | undefined {
    const { learned, configurations } = this.#context;
    for (let next = this.#queue.take(); next; next = this.#queue.take()) {
      const [key, value] = next;
      if (!this.#assigned.has(key) && learned.slotOf(key) === undefined) return value;
    }
    const changing = slot < configurations.latest.from;
    return slot <= this.#fillThrough || changing ? noOperation : undefined;
  }

  /** The acceptors of the configuration that rules the slot are asked to accept (rule 22). */
  #command(slot: number, value: Value): void {
    invariant(
      !this.#commanders.has(slot),
      () => `slot ${slot} was to get a second commander under one ballot`,
    );
    const { acceptors, configurations } = this.#context;
    const proposal = proposalOf(value);
    if (proposal) this.#assigned.set(proposalKey(proposal), slot);
    const pvalue = { ballot: this.ballot, slot, value };
    const commander = new Commander(pvalue, configurations.at(slot), (id) => acceptors.roundTrip(id).begin());
    this.#commanders.set(slot, commander);
    this.#ask(commander.silent, commander);
  }

  #ask(acceptors: readonly string[], { message }: Commander): void {
    for (const acceptor of acceptors) this.#context.acceptors.ask(acceptor, message);
  }

  /**
   * A commander ends. Its proposal is known again as decided, or, if another value won the slot, proposed again; unless
   * it was found in two slots and the other is still under way.
   */
  #end({ slot, value }: PValue): void {
    this.#commanders.delete(slot);
    const proposal = proposalOf(value);
    if (!proposal) return;
    const key = proposalKey(proposal);
    if (this.#assigned.get(key) === slot) this.#assigned.delete(key);
  }
}

import { type Ballot, compareBallots } from "./ballot.js";
import { Commander } from "./commander.js";
import type { Configuration, Configurations } from "./configuration.js";
import type { Contact } from "./contact.js";
import type { Decided } from "./decided.js";
import type { Peer } from "./input.js";
import { invariant } from "./invariant.js";
import type { Limits } from "./limits.js";
import type { P1b, P2b, ToAcceptor } from "./message.js";
import type { Output } from "./output.js";
import { ProposalQueue } from "./proposal-queue.js";
import { noOperation, type ProposalId, type PValue, proposalKey, proposalOf, type Value } from "./pvalue.js";
import { Scout } from "./scout.js";
import { Timeout } from "./timeout.js";

/** What a leader shares with the ballot it leads. */
export interface LeadingContext {
  readonly limits: Limits;
  readonly configurations: Configurations;
  readonly decided: Decided;
  readonly contact: Contact;
  /** Sends a Decision to every attached replica. */
  readonly announce: (slot: number, value: Value, outputs: Output[]) => void;
}

interface RunningScout {
  readonly scout: Scout;
  readonly resend: Timeout;
  /** Acceptors that have told so much more than is needed yet that their next page can wait. */
  readonly ahead: Set<string>;
}

/** Old decisions read back from the acceptors for one asker. */
interface Recall extends RunningScout {
  readonly asker: Peer;
  /** Until it is given up: of a configuration long replaced no majority may be left. */
  readonly patience: Timeout;
  /** The first slot not told yet. */
  next: number;
}

/**
 * One ballot that a leader runs for or leads (PMMC 2.2, figure 7): a scout for each configuration that rules a slot
 * of the window, then a commander for each slot. Preemption ends all of it at once.
 */
export class Leading {
  readonly ballot: Ballot;
  readonly #context: LeadingContext;
  #scouts = new Map<number, RunningScout>();
  /** Per adopted configuration, its scout: what its acceptors had accepted, as far as it has been told (rule 7). */
  readonly #adopted = new Map<number, Scout>();
  readonly #commanders = new Map<number, Commander>();
  /** The slot each proposal was given under this ballot: one id never gets two (rule 10). */
  readonly #assigned = new Map<string, number>();
  readonly #queue: ProposalQueue;
  /** The lowest slot not looked at under this ballot: everything below is decided or has a commander. */
  #cursor: number;
  /** No-ops fill every free slot up to here (rule 15). */
  #fillThrough = 0;
  /** One for each asker: nobody waits for another's. */
  readonly #recalls = new Map<string, Recall>();
  #scoutNumber: number;
  #refuted: number | undefined;
  readonly #patience: Timeout;

  /** @param scoutNumber above every scout number of this incarnation so far */
  constructor(ballot: Ballot, scoutNumber: number, context: LeadingContext, outputs: Output[]) {
    this.ballot = ballot;
    this.#context = context;
    this.#cursor = context.decided.slotOut;
    this.#queue = new ProposalQueue(context.limits);
    this.#scoutNumber = scoutNumber;
    this.#patience = new Timeout(context.limits.scoutTicks);
    this.#advance(outputs);
  }

  /** It may give slots to proposals: the configuration that rules slot_out was adopted, at least for the first slots. */
  get active(): boolean {
    return this.#adopted.has(this.#ruling.number);
  }

  /**
   * The slot that somebody claimed to be decided and of which a majority of the acceptors knows nothing (rule 28). Phase 1 of
   * a ballot meets everything that lower ballots decided before it began, so either the claim is false, or the acceptors
   * forgot what they voted for: nobody can tell which, and leading on would be wrong in one of the two cases.
   */
  get refuted(): number | undefined {
    return this.#refuted;
  }

  /** Not adopted within the time a scout has. */
  get hopeless(): boolean {
    return !this.active && this.#patience.fired;
  }

  get commanders(): number {
    return this.#commanders.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get scoutNumber(): number {
    return this.#scoutNumber;
  }

  get #ruling(): Configuration {
    return this.#context.configurations.at(this.#context.decided.slotOut);
  }

  tick(outputs: Output[]): void {
    const { resendTicks } = this.#context.limits;
    if (!this.active) this.#patience.tick();
    for (const [id, { patience }] of this.#recalls) if (patience.tick()) this.#recalls.delete(id);
    for (const running of [...this.#scouts.values(), ...this.#recalls.values()]) {
      if (running.resend.tick()) this.#askAll(running, outputs);
    }
    for (const commander of this.#commanders.values()) {
      if (!commander.resend.tick()) continue;
      commander.resend.start(resendTicks);
      for (const acceptor of commander.silent) this.#send(acceptor, commander.message, outputs);
    }
  }

  /** An acceptor can be talked to again: what it owes is asked for at once. */
  connected(acceptor: string, outputs: Output[]): void {
    for (const { scout, ahead } of [...this.#scouts.values(), ...this.#recalls.values()]) {
      if (scout.silent.includes(acceptor) && !ahead.has(acceptor))
        this.#send(acceptor, scout.ask(acceptor), outputs);
    }
    for (const commander of this.#commanders.values()) {
      if (commander.silent.includes(acceptor)) this.#send(acceptor, commander.message, outputs);
    }
  }

  /** A value to decide (rule 10). */
  propose(value: Value, proposal: ProposalId, outputs: Output[]): void {
    this.#queue.add(proposalKey(proposal), value);
    this.#fill(outputs);
  }

  /** A replica lacks an undecided slot: every free slot up to it gets a no-op (rule 15), within the window. */
  fillThrough(slot: number, outputs: Output[]): void {
    const { decided, configurations } = this.#context;
    this.#fillThrough = Math.max(
      this.#fillThrough,
      Math.min(slot, decided.slotOut + configurations.window - 1),
    );
    this.#fill(outputs);
  }

  /**
   * A replica lacks a slot that is decided, but whose decision is not kept. A majority of the acceptors is asked again,
   * under the same ballot: as the slot is decided, the pvalue with the highest ballot holds its value.
   */
  recall(slot: number, asker: Peer, outputs: Output[]): void {
    if (this.#recalls.has(asker.id)) return;
    const { limits, decided, configurations } = this.#context;
    const configuration = configurations.at(slot);
    let until = slot;
    while (
      until < decided.slotOut &&
      until < slot + limits.maxAnswerSlots &&
      !decided.get(until) &&
      configurations.rules(configuration.number, until)
    )
      until++;
    const running = this.#newScout(configuration, slot, until, outputs);
    this.#recalls.set(asker.id, { ...running, asker, patience: new Timeout(limits.scoutTicks), next: slot });
  }

  /** Slot_out moved, by a decision or by a fact learned from somebody else: lets go of what that settles. */
  settled(outputs: Output[]): void {
    const { slotOut } = this.#context.decided;
    for (const [slot, commander] of this.#commanders) {
      if (slot >= slotOut) continue;
      this.#commanders.delete(slot);
      this.#forget(commander.pvalue);
    }
    this.#advance(outputs);
  }

  /**
   * Acceptors may have forgotten more. What a majority still tells of a trimmed slot need not be what was decided there: the
   * acceptor that knew it may be the one that forgot. So whoever asked is told that it is trimmed (rule 9).
   */
  trimmed(outputs: Output[]): void {
    const { trim } = this.#context.decided;
    for (const [id, { asker, next }] of this.#recalls) {
      if (next >= trim.below) continue;
      this.#recalls.delete(id);
      outputs.push({ kind: "send", to: asker, message: { kind: "trimmed", trim } });
    }
  }

  /** @returns the ballot that preempts this one, if the answer says so */
  receiveP1b(answer: P1b, outputs: Output[]): Ballot | undefined {
    if (compareBallots(answer.promised, this.ballot) > 0) return answer.promised;
    for (const recall of this.#recalls.values())
      if (recall.scout.number === answer.scout) this.#receiveRecalled(recall, answer, outputs);
    const running = this.#scouts.get(answer.configuration);
    if (!running) return undefined;
    const progress = running.scout.receive(answer);
    if (progress.kind === "page") running.ahead.add(answer.acceptor);
    if (progress.kind === "adopted") this.#scouts.delete(answer.configuration);
    this.#askOn(running, this.#windowEnd, outputs);
    const { scout } = running;
    const first = scout.claimed === undefined ? scout.from : scout.claimed + 1;
    if (scout.covered > first && this.#holds(scout)) this.#adopt(scout, outputs);
    return undefined;
  }

  /** Whether what was claimed when the scout set out agrees with what a majority has told. */
  #holds({ claimed, shown }: Scout): boolean {
    const { decided } = this.#context;
    if (claimed === undefined || decided.sure > claimed) return true;
    if (shown || decided.get(claimed)) {
      decided.proved(claimed + 1);
      return true;
    }
    this.#refuted = claimed;
    return false;
  }

  /**
   * Whether a claim made after phase 1, that everything below `slot` is decided, can be true under this ballot: each slot was
   * found or proposed. Else a higher ballot decided it, which acceptors will tell soon, or nobody did (rule 28). Undefined
   * while phase 1 has not told enough.
   */
  shows(slot: number): boolean | undefined {
    const { decided, configurations } = this.#context;
    for (let below = decided.slotOut; below < slot; below++) {
      if (decided.get(below) || this.#commanders.has(below)) continue;
      const adopted = this.#adopted.get(configurations.at(below).number);
      if (adopted === undefined && this.active) return true; // Of acceptors that this ballot has not asked.
      if (adopted === undefined || adopted.covered <= below) return undefined;
      if (!adopted.found.has(below)) return false;
    }
    return true;
  }

  /** Goes to work on the slots told so far while the next pages come: however long the log, slot_out moves. */
  #adopt(scout: Scout, outputs: Output[]): void {
    this.#adopted.set(scout.configuration.number, scout);
    this.#patience.start(this.#context.limits.scoutTicks);
    this.#takeUnjudged();
    this.#fill(outputs);
  }

  /**
   * Once this ballot leads, what is claimed below slot_out is either shown or was ruled by a configuration that it does not
   * ask, whose acceptors may be gone. Such a claim is taken as it is, for what others are told as for what is led: a leader
   * that decides above it and tells less would keep every trim point from the acceptors (rules 18 and 28).
   */
  #takeUnjudged(): void {
    if (this.active) this.#context.decided.proved(this.#context.decided.slotOut);
  }

  /** @returns the ballot that preempts this one, if the answer says so */
  receiveP2b(answer: P2b, outputs: Output[]): Ballot | undefined {
    if (compareBallots(answer.promised, this.ballot) > 0) return answer.promised;
    const commander = this.#commanders.get(answer.slot);
    if (commander?.receive(answer).kind !== "decided") return undefined;
    const { slot, value } = commander.pvalue;
    this.#commanders.delete(slot);
    this.#forget(commander.pvalue);
    this.#context.decided.learn(slot, value);
    this.#context.announce(slot, value, outputs);
    this.#advance(outputs);
    return undefined;
  }

  /** Runs a scout for every configuration that rules a slot of the window (rule 23), then fills the window. */
  #advance(outputs: Output[]): void {
    const { decided, configurations } = this.#context;
    const { slotOut } = decided;
    const serving = configurations.serving(slotOut, slotOut + configurations.window);
    for (const number of [...this.#scouts.keys(), ...this.#adopted.keys()]) {
      if (serving.some((configuration) => configuration.number === number)) continue;
      this.#scouts.delete(number);
      this.#adopted.delete(number);
    }
    for (const scout of this.#adopted.values()) scout.skipTo(slotOut);
    for (const running of this.#scouts.values()) {
      running.scout.skipTo(slotOut);
      this.#askOn(running, this.#windowEnd, outputs);
    }
    for (const configuration of serving) {
      if (this.#adopted.has(configuration.number) || this.#scouts.has(configuration.number)) continue;
      this.#scouts.set(configuration.number, this.#leadingScout(configuration, outputs));
    }
    this.#takeUnjudged();
    this.#fill(outputs);
  }

  /** Starts commanders in slot order while the window allows, so no hole is left (rules 7 and 10). */
  #fill(outputs: Output[]): void {
    const { decided, configurations } = this.#context;
    this.#cursor = Math.max(this.#cursor, decided.slotOut);
    for (; this.#cursor < decided.slotOut + configurations.window; this.#cursor++) {
      if (decided.get(this.#cursor)) continue;
      const configuration = configurations.at(this.#cursor);
      const adopted = this.#adopted.get(configuration.number);
      if (!adopted || this.#cursor >= adopted.covered) return;
      const value = adopted.found.get(this.#cursor)?.value ?? this.#nextValue(this.#cursor, adopted.highest);
      if (!value) return;
      this.#command(this.#cursor, value, configuration, outputs);
    }
  }

  /** What a slot in which nothing was found gets: a no-op in a hole (rule 7), else the next proposal, else nothing. */
  #nextValue(slot: number, highestFound: number): Value | undefined {
    if (slot < highestFound) return noOperation;
    for (let next = this.#queue.take(); next; next = this.#queue.take()) {
      const [key, value] = next;
      if (this.#assigned.has(key) || this.#context.decided.slotOf(key) !== undefined) continue;
      return value;
    }
    const changing = slot < this.#context.configurations.latest.from;
    return slot <= this.#fillThrough || changing ? noOperation : undefined;
  }

  #command(slot: number, value: Value, configuration: Configuration, outputs: Output[]): void {
    invariant(
      !this.#commanders.has(slot),
      () => `slot ${slot} was to get a second commander under one ballot`,
    );
    const proposal = proposalOf(value);
    if (proposal) this.#assigned.set(proposalKey(proposal), slot);
    const commander = new Commander(
      { ballot: this.ballot, slot, value },
      configuration,
      this.#context.limits.resendTicks,
    );
    this.#commanders.set(slot, commander);
    for (const acceptor of commander.silent) this.#send(acceptor, commander.message, outputs);
  }

  /**
   * A commander ended. What it carried is known again as decided, or, if another value won the slot, proposed again; unless
   * it was found in two slots and the other is still under way.
   */
  #forget({ slot, value }: PValue): void {
    const proposal = proposalOf(value);
    if (!proposal) return;
    const key = proposalKey(proposal);
    if (this.#assigned.get(key) === slot) this.#assigned.delete(key);
  }

  /** A scout for what is to be led. It begins with the last slot that is only claimed to be decided, if one is (rule 28). */
  #leadingScout(configuration: Configuration, outputs: Output[]): RunningScout {
    const { decided, configurations } = this.#context;
    const last = decided.slotOut - 1;
    const judges = decided.sure <= last && configurations.rules(configuration.number, last);
    const [from, claimed] = judges ? [last, last] : [decided.slotOut, undefined];
    return this.#newScout(configuration, from, Number.POSITIVE_INFINITY, outputs, claimed);
  }

  #newScout(
    configuration: Configuration,
    from: number,
    until: number,
    outputs: Output[],
    claimed?: number,
  ): RunningScout {
    const scout = new Scout(++this.#scoutNumber, this.ballot, configuration, from, until, claimed);
    const running = {
      scout,
      resend: new Timeout(this.#context.limits.resendTicks),
      ahead: new Set<string>(),
    };
    this.#askAll(running, outputs);
    return running;
  }

  #askAll({ scout, resend, ahead }: RunningScout, outputs: Output[]): void {
    resend.start(this.#context.limits.resendTicks);
    for (const acceptor of scout.silent)
      if (!ahead.has(acceptor)) this.#send(acceptor, scout.ask(acceptor), outputs);
  }

  /**
   * Asks for next pages, but not for those beyond `needed` while much is held: with slot_out they come into reach. Whoever
   * keeps a majority from having told what is needed is always asked.
   */
  #askOn({ scout, ahead }: RunningScout, needed: number, outputs: Output[]): void {
    for (const acceptor of ahead) {
      const ask = scout.ask(acceptor);
      if (scout.bytes > this.#context.limits.maxKeptBytes && ask.from > needed) continue;
      ahead.delete(acceptor);
      this.#send(acceptor, ask, outputs);
    }
  }

  get #windowEnd(): number {
    return this.#context.decided.slotOut + this.#context.configurations.window;
  }

  /** Tells each part as soon as a majority has told it, so that its asker gets on however large the values are. */
  #receiveRecalled(recall: Recall, answer: P1b, outputs: Output[]): void {
    const { scout, asker, patience } = recall;
    const progress = scout.receive(answer);
    if (progress.kind === "page") recall.ahead.add(answer.acceptor);
    if (progress.kind === "adopted") this.#recalls.delete(asker.id);
    const until = Math.min(scout.covered, scout.until);
    for (; recall.next < until; recall.next++) {
      const pvalue = scout.found.get(recall.next);
      if (!pvalue) break;
      patience.start(this.#context.limits.scoutTicks);
      outputs.push({
        kind: "send",
        to: asker,
        message: { kind: "decision", slot: recall.next, value: pvalue.value },
      });
    }
    scout.skipTo(recall.next);
    this.#askOn(recall, recall.next, outputs);
  }

  #send(acceptor: string, message: ToAcceptor, outputs: Output[]): void {
    this.#context.contact.asked(acceptor);
    outputs.push({ kind: "send", to: { role: "acceptor", id: acceptor }, message });
  }
}

import { type Ballot, compareBallots, sameBallot } from "./ballot.js";
import { type RulingConfiguration, type TrimRecord, trimRecordBytes } from "./configuration.js";
import type { AcceptorInput, Peer } from "./input.js";
import type { Limits } from "./limits.js";
import type { Heartbeat, P1a, P2a, PreVote, ToAcceptor, Trim } from "./message.js";
import { type Output, Outputs } from "./output.js";
import { type PValue, sameValue } from "./pvalue.js";
import type { AcceptedLog, AcceptorState } from "./record.js";

export interface AcceptorOptions {
  readonly id: string;
  /** The id of the store that holds this acceptor's promises (rule 5). */
  readonly store: string;
  /** The promise and the trim record that the store held at start. */
  readonly state: AcceptorState;
  readonly log: AcceptedLog;
  readonly limits: Limits;
}

/**
 * The acceptor of PMMC 2.2 (figure 4): a promised ballot and the accepted pvalues, nothing else. Every P1b and P2b,
 * refusals too, waits until all it rests on is on disk (rule 3).
 */
export class Acceptor {
  readonly #id: string;
  readonly #store: string;
  readonly #log: AcceptedLog;
  readonly #limits: Limits;
  readonly #outputs = new Outputs();
  #promised: Ballot;
  #trim: TrimRecord;
  /** The leader last heard, and for how many ticks it has been silent. Volatile: a restarted acceptor hears nobody. */
  #heard: { readonly ballot: Ballot; silentTicks: number } | undefined;

  constructor(options: AcceptorOptions) {
    this.#id = options.id;
    this.#store = options.store;
    this.#log = options.log;
    this.#limits = options.limits;
    this.#promised = options.state.promised;
    this.#trim = options.state.trim;
  }

  step(input: AcceptorInput): Output[] {
    switch (input.kind) {
      case "tick":
        if (this.#heard) this.#heard.silentTicks++;
        break;
      case "connected":
        break;
      case "disconnected":
        if (this.#heard?.ballot.leader === input.peer.id) this.#heard = undefined;
        break;
      case "message":
        this.#receive(input.from, input.message);
        break;
    }
    return this.#outputs.take();
  }

  /** The configurations that the trim record tells. Facts, so a hello need not wait until they are on disk. */
  get configurations(): readonly RulingConfiguration[] {
    return this.#trim.configurations;
  }

  status(): { promised: Ballot; highestSlot: number; trimmedBelow: number } {
    return { promised: this.#promised, highestSlot: this.#log.highestSlot(), trimmedBelow: this.#trim.below };
  }

  #receive(leader: Peer, message: ToAcceptor): void {
    switch (message.kind) {
      case "p1a":
        this.#promise(leader, message);
        return;
      case "p2a":
        this.#accept(leader, message);
        return;
      case "heartbeat":
        this.#hear(leader, message);
        return;
      case "pre-vote":
        this.#answerPreVote(leader, message);
        return;
      case "trim":
        this.#forget(message);
        return;
    }
  }

  /** Rule 1. */
  #promise(leader: Peer, { ballot, configuration, from, scout }: P1a): void {
    if (compareBallots(ballot, this.#promised) > 0) {
      this.#promised = ballot;
      this.#outputs.persist({ kind: "promise", ballot });
    }
    if (sameBallot(ballot, this.#promised)) this.#heard = { ballot, silentTicks: 0 };
    const { maxPageSlots, maxPageBytes } = this.#limits;
    const { accepted, next } = this.#log.page(from, maxPageSlots, maxPageBytes - trimRecordBytes(this.#trim));
    this.#outputs.sendDurable(leader, {
      kind: "p1b",
      acceptor: this.#id,
      store: this.#store,
      asked: ballot,
      configuration,
      from,
      scout,
      promised: this.#promised,
      accepted,
      next,
      trim: this.#trim,
    });
  }

  /**
   * Rule 2. A ballot above the promise is adopted in the same write: with equality alone, as in the 2015 text, a slot
   * is stranded whenever an acceptor missed the P1a. What is held already is not written again: its answer waits for the
   * write under way, if one is (rule 3).
   */
  #accept(leader: Peer, { pvalue }: P2a): void {
    const { ballot, slot } = pvalue;
    const trimmed = slot < this.#trim.below;
    if (!trimmed && compareBallots(ballot, this.#promised) >= 0) {
      this.#promised = ballot;
      this.#heard = { ballot, silentTicks: 0 };
      if (!this.#holds(pvalue)) this.#outputs.persist({ kind: "accept", pvalue });
    }
    this.#outputs.sendDurable(leader, {
      kind: "p2b",
      acceptor: this.#id,
      store: this.#store,
      asked: ballot,
      slot,
      promised: this.#promised,
      trim: trimmed ? this.#trim : undefined,
    });
  }

  /** It was accepted before, at this very ballot, which was the promise from then on. */
  #holds({ ballot, slot, value }: PValue): boolean {
    const held = this.#log.held(slot);
    return held !== undefined && sameBallot(held.ballot, ballot) && sameValue(held.value, value);
  }

  /** Rule 18: the record is written with the deletion, or before it. One that is not newer says nothing. */
  #forget({ trim }: Trim): void {
    if (trim.below <= this.#trim.below) return;
    this.#trim = trim;
    this.#outputs.persist({ kind: "trim", trim });
  }

  /** Rule 11: a heartbeat is answered at once; it rests on nothing that must be on disk. */
  #hear(leader: Peer, { ballot, beat }: Heartbeat): void {
    if (compareBallots(ballot, this.#promised) >= 0) this.#heard = { ballot, silentTicks: 0 };
    this.#outputs.send(leader, {
      kind: "heartbeat-ack",
      acceptor: this.#id,
      store: this.#store,
      ballot,
      beat,
      promised: this.#promised,
      trimmedBelow: this.#trim.below,
    });
  }

  /** Rule 11: asking changes nothing here. A leader asking about itself does not hear itself. */
  #answerPreVote(leader: Peer, { ballot, configuration }: PreVote): void {
    const heard = this.#heard;
    const hears =
      heard !== undefined &&
      heard.silentTicks < this.#limits.suspectAfterTicks &&
      heard.ballot.leader !== ballot.leader;
    this.#outputs.sendDurable(leader, {
      kind: "pre-vote-answer",
      acceptor: this.#id,
      store: this.#store,
      asked: ballot,
      configuration,
      promised: this.#promised,
      hears,
    });
  }
}

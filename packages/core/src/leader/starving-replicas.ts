import type { Limits } from "../limits.js";
import type { Propose, Question } from "../message.js";
import { proposalOf } from "../pvalue.js";

/** The highest proposal of a replica, or the first slot of its question, that was not served yet. */
interface Unserved {
  readonly incarnation: number;
  readonly number: number;
  /** Since the replica said so first. */
  ticks: number;
  /** Since it said so last, and between the last two times that it did. */
  quietTicks: number;
  gapTicks: number;
  /** It said so again, long after. */
  starving: boolean;
}

/**
 * A replica that says nothing for this many intervals has moved on or is gone. Its interval is counted in its own ticks,
 * so that a replica whose clock runs at a tenth of this leader's is still remembered from one repetition to the next.
 */
const rememberedIntervals = 16;

/** Replicas double the time to the next repetition: this many times the last one is more than that. */
const rememberedGaps = 3;

/** Notices that replicas ask a passive leader for the same again and again, and so that nobody serves them (rule 11). */
export class StarvingReplicas {
  readonly #limits: Limits;
  readonly #proposals = new Map<string, Unserved>();
  readonly #questions = new Map<string, Unserved>();
  /** The slot_out that each replica told last. */
  readonly #slotOuts = new Map<string, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get any(): boolean {
    return [...this.#proposals.values(), ...this.#questions.values()].some(({ starving }) => starving);
  }

  tick(): void {
    for (const kept of [this.#proposals, this.#questions]) {
      for (const [replica, unserved] of kept) {
        unserved.ticks++;
        const remembered = rememberedIntervals * this.#limits.reproposeTicks;
        if (++unserved.quietTicks > Math.max(remembered, rememberedGaps * unserved.gapTicks))
          kept.delete(replica);
      }
    }
  }

  /** A replica proposed. The same number again, long after, means that nobody serves it. */
  proposed({ value }: Propose): void {
    const proposal = proposalOf(value);
    if (!proposal) return;
    this.#note(this.#proposals, proposal.replica, proposal.incarnation, proposal.number);
  }

  /**
   * A replica asked for a slot that is not known here. It starves like one whose proposals nobody decides: they may
   * all be decided in slots that it cannot apply for want of this one.
   */
  asked(replica: string, { from }: Question): void {
    this.#note(this.#questions, replica, 0, from);
  }

  /** A replica told its slot_out. If that moved, the replica is served. */
  told(replica: string, slotOut: number): void {
    if (slotOut > (this.#slotOuts.get(replica) ?? slotOut)) {
      this.#proposals.delete(replica);
      this.#questions.delete(replica);
    }
    this.#slotOuts.set(replica, slotOut);
  }

  #note(kept: Map<string, Unserved>, replica: string, incarnation: number, number: number): void {
    const first = kept.get(replica);
    if (!first || incarnation !== first.incarnation || number > first.number) {
      if (first || kept.size < this.#limits.maxQueuedProposals)
        kept.set(replica, { incarnation, number, ticks: 0, quietTicks: 0, gapTicks: 0, starving: false });
      return;
    }
    first.gapTicks = first.quietTicks;
    first.quietTicks = 0;
    if (first.ticks >= this.#limits.reproposeTicks) first.starving = true;
  }
}

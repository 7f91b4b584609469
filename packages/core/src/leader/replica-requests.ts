import type { Peer } from "../input.js";
import type { Decision, Propose, Question } from "../message.js";
import { proposalKey, proposalOf } from "../pvalue.js";
import type { LeaderContext } from "./leader-context.js";
import { Leading } from "./leading.js";
import type { Passive } from "./passive.js";

/**
 * Serves proposals and questions: from the decisions kept, else by the ballot that is led, else through the leader that is
 * watched (rules 9, 10, 11 and 15).
 */
export class ReplicaRequests {
  readonly #context: LeaderContext;

  constructor(context: LeaderContext) {
    this.#context = context;
  }

  /** A proposal is answered if it is decided, given a slot by an active leader, else passed on once. */
  propose(from: Peer, message: Propose, state: Leading | Passive): void {
    const proposal = proposalOf(message.value);
    if (!proposal) return;
    const { learned, outputs } = this.#context;
    const slot = learned.slotOf(proposalKey(proposal));
    const value = slot === undefined ? undefined : learned.get(slot);
    if (slot !== undefined && value) {
      outputs.send(from, { kind: "decision", slot, value });
    } else if (state instanceof Leading) {
      state.propose(message.value, proposal);
    } else {
      state.proposed(message);
    }
  }

  /** A question gets the decisions kept, in slot order up to the bounds; the first slot that is not kept is seen to. */
  answer(from: Peer, question: Question, state: Leading | Passive): void {
    const { learned, limits, outputs } = this.#context;
    const until = Math.min(question.through, question.from + limits.maxAnswerSlots - 1);
    let bytes = 0;
    for (let slot = question.from; slot <= until && bytes <= limits.maxAnswerBytes; slot++) {
      const value = learned.get(slot);
      if (!value) {
        this.#seek({ ...question, from: slot }, until, from, state);
        return;
      }
      bytes += value.kind === "batch" ? value.commands.length : 0;
      outputs.send(from, { kind: "decision", slot, value });
    }
  }

  /** The watched leader answers a question that was passed on to it: every replica is told. */
  decided(decision: Decision, leading: Leading | undefined): void {
    const { learned, replicas } = this.#context;
    if (decision.slot >= learned.slotOut) learned.learn(decision.slot, decision.value);
    replicas.tell(decision);
    leading?.settled();
  }

  /** The first slot asked for is not kept: it is trimmed, known to the watched leader or the acceptors, or not decided. */
  #seek(question: Question, until: number, from: Peer, state: Leading | Passive): void {
    const { learned, outputs } = this.#context;
    const slot = question.from;
    if (slot < learned.trim.below) {
      outputs.send(from, { kind: "trimmed", trim: learned.trim });
    } else if (state instanceof Leading) {
      if (slot < learned.slotOut) state.recall(slot, from);
      else state.fillThrough(until);
    } else if (from.role === "replica") {
      state.asked(from.id, question);
    }
  }
}

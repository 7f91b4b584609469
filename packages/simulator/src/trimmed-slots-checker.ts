import { describeBallot, type Message, type Peer } from "@synod/core";
import { Violation } from "./violation.js";

/** A leader, as far as others can tell what it knows of trimming. */
interface Informed {
  life: number;
  /** It knows that acceptors may have forgotten what was decided below this slot. */
  below: number;
  /** The highest such slot that it was told at this time, and may not have read yet. */
  latest: { readonly below: number; readonly atMs: number };
  /** Slots whose decision it learned from another leader, or made by itself. */
  readonly known: Set<number>;
}

/**
 * Watches what leaders do with slots that they know to be trimmed: nothing is proposed there (rule 7), and what acceptors still
 * say of such a slot is told to nobody, since the one that knew its decision may be the one that forgot it (rule 9).
 */
export class TrimmedSlotsChecker {
  readonly #nowMs: () => number;
  readonly #leaders = new Map<string, Informed>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A message leaves a leader. */
  sent({ id, role }: Peer, life: number, message: Message): void {
    if (role !== "leader") return;
    const leader = this.#at(id);
    if (leader.life !== life) {
      const nothing = { below: 1, latest: { below: 1, atMs: 0 } };
      Object.assign(leader, { life, ...nothing });
    }
    if (message.kind === "p2a") this.#proposes(id, leader, message);
    if (message.kind === "decision") this.#tells(id, leader, message.slot);
  }

  /** A message arrives. What comes in one tick may be read in any order, so that it counts from the next one on. */
  received(to: string, message: Message): void {
    if (message.kind === "decision") this.#at(to).known.add(message.slot);
    if (message.kind !== "p1b" && message.kind !== "p2b" && message.kind !== "trimmed") return;
    const leader = this.#at(to);
    const { below = 1 } = message.trim ?? {};
    if (below <= Math.max(this.#knownBelow(leader), leader.latest.below)) return;
    leader.latest = { below, atMs: this.#nowMs() };
  }

  #at(id: string): Informed {
    const known = this.#leaders.get(id);
    if (known) return known;
    const leader = { life: 0, below: 1, latest: { below: 1, atMs: 0 }, known: new Set<number>() };
    this.#leaders.set(id, leader);
    return leader;
  }

  #knownBelow(leader: Informed): number {
    const { below, atMs } = leader.latest;
    if (atMs < this.#nowMs()) leader.below = Math.max(leader.below, below);
    return leader.below;
  }

  #proposes(id: string, leader: Informed, { pvalue: { slot, ballot } }: Extract<Message, { kind: "p2a" }>) {
    leader.known.add(slot);
    const below = this.#knownBelow(leader);
    if (slot < below)
      throw new Violation(
        `${id} proposes in slot ${slot} with ballot ${describeBallot(ballot)}, and was told that what is below ${below} is trimmed`,
      );
  }

  #tells(id: string, leader: Informed, slot: number): void {
    const below = this.#knownBelow(leader);
    if (slot < below && !leader.known.has(slot))
      throw new Violation(
        `${id} tells what acceptors say of slot ${slot}, and was told that what is below ${below} is trimmed`,
      );
  }
}

import type { Ballot } from "../ballot.js";
import type { Configuration } from "../configuration.js";
import type { P1b } from "../message.js";
import { noOperation, type Value } from "../pvalue.js";
import { Timeout } from "../timeout.js";
import type { LeaderContext } from "./leader-context.js";
import { PageRequests } from "./page-requests.js";
import { Scout } from "./scout.js";

/**
 * Phase 1 of one ballot (PMMC 2.2, figure 7): a scout for every configuration that rules a slot of the window (rule 23).
 * It tells what may be proposed in a slot.
 */
export class PhaseOne {
  readonly #ballot: Ballot;
  readonly #context: LeaderContext;
  /** By the number of the configuration that is asked. */
  readonly #scouts = new Map<number, PageRequests>();
  /** By the number of the configuration. A scout is here as soon as a majority has told enough to work on. */
  readonly #adopted = new Map<number, Scout>();
  readonly #patience: Timeout;
  #refuted: number | undefined;

  constructor(ballot: Ballot, context: LeaderContext) {
    this.#ballot = ballot;
    this.#context = context;
    this.#patience = new Timeout(context.patience.ticks);
    this.advance();
  }

  /** The configuration that rules slot_out is adopted, at least for the first slots: proposals may be given slots. */
  get active(): boolean {
    return this.#adopted.has(this.#context.learned.ruling.number);
  }

  /** Nothing was adopted within the time that a scout has. */
  get timedOut(): boolean {
    return !this.active && this.#patience.fired;
  }

  /**
   * The slot that somebody claimed to be decided and of which a majority of the acceptors knows nothing (rule 28). Phase 1 of
   * a ballot meets everything that lower ballots decided before it began, so either the claim is false, or the acceptors
   * forgot what they voted for: nobody can tell which, and leading on would be wrong in one of the two cases.
   */
  get refuted(): number | undefined {
    return this.#refuted;
  }

  /**
   * The values that this ballot may propose in a slot (rule 7; figure 7 of PMMC 2.2, `proposals ◁ pmax(pvals)`). Unknown
   * until a majority of the acceptors that rule the slot has told what it accepted there (rules 6 and 23): some value may be
   * decided. Then only the value of the pvalue with the highest ballot, if there is one. Where nobody accepted anything,
   * nothing is decided and nothing can be under a lower ballot: a no-op below what was found, so that no hole is left, and
   * any value above.
   */
  safeValue(slot: number): Value | "any" | "unknown" {
    const scout = this.adoptedAt(slot);
    if (!scout || slot >= scout.covered) return "unknown";
    const found = scout.found.get(slot);
    if (found) return found.value;
    return slot < scout.found.highest ? noOperation : "any";
  }

  /** The adopted scout of the configuration that rules a slot. */
  adoptedAt(slot: number): Scout | undefined {
    return this.#adopted.get(this.#context.configurations.at(slot).number);
  }

  tick(): void {
    if (!this.active && this.#patience.tick()) this.#context.patience.inVain();
    for (const requests of this.#scouts.values()) requests.tick();
  }

  /** An acceptor can be talked to again. */
  connected(acceptor: string): void {
    for (const requests of this.#scouts.values()) requests.connected(acceptor);
  }

  /** Slot_out moved: another configuration may have come into the window, and another one have left it (rule 23). */
  advance(): void {
    const { learned } = this.#context;
    const { serving } = learned;
    for (const number of [...this.#scouts.keys(), ...this.#adopted.keys()]) {
      if (serving.some((configuration) => configuration.number === number)) continue;
      this.#scouts.delete(number);
      this.#adopted.delete(number);
    }
    for (const scout of this.#adopted.values()) scout.skipTo(learned.slotOut);
    for (const requests of this.#scouts.values()) {
      requests.scout.skipTo(learned.slotOut);
      requests.askOn(learned.windowEnd);
    }
    for (const configuration of serving) {
      if (this.#adopted.has(configuration.number) || this.#scouts.has(configuration.number)) continue;
      this.#scouts.set(configuration.number, this.#send(configuration));
    }
    this.#takeUnjudged();
  }

  /**
   * Goes to work on the slots told so far while the next pages come: however long the log, slot_out moves.
   *
   * @returns true when more slots may be worked on
   */
  receive(answer: P1b): boolean {
    const requests = this.#scouts.get(answer.configuration);
    if (!requests) return false;
    const { scout } = requests;
    requests.receive(answer);
    if (scout.adopted) this.#scouts.delete(answer.configuration);
    requests.askOn(this.#context.learned.windowEnd);
    const first = scout.claimed === undefined ? scout.from : scout.claimed + 1;
    if (scout.covered <= first || !this.#agrees(scout)) return false;
    this.#adopted.set(scout.configuration.number, scout);
    this.#context.patience.rewarded();
    this.#patience.start(this.#context.patience.ticks);
    this.#takeUnjudged();
    return true;
  }

  /** A scout begins with the last slot that is only claimed to be decided, if one is (rule 28). */
  #send(configuration: Configuration): PageRequests {
    const { learned, configurations, nextScout } = this.#context;
    const last = learned.slotOut - 1;
    const judges = learned.sure <= last && configurations.rules(configuration.number, last);
    const slots = judges ? { from: last, claimed: last } : { from: learned.slotOut };
    return new PageRequests(new Scout(nextScout(), this.#ballot, configuration, slots), this.#context);
  }

  /** True unless the slot that was claimed to be decided when the scout set out is unknown to a majority. */
  #agrees({ claimed, shown }: Scout): boolean {
    const { learned } = this.#context;
    if (claimed === undefined || learned.sure > claimed) return true;
    if (shown || learned.get(claimed)) {
      learned.proved(claimed + 1);
      return true;
    }
    this.#refuted = claimed;
    return false;
  }

  /**
   * Once this ballot leads, what is claimed below slot_out is either shown or was ruled by a configuration that it does not
   * ask, whose acceptors may be gone. Such a claim is taken as it is, for what others are told as for what is led: a leader
   * that decides above it and tells less would keep every trim point from the acceptors (rules 18 and 28).
   */
  #takeUnjudged(): void {
    if (this.active) this.#context.learned.proved(this.#context.learned.slotOut);
  }
}

import type { Ballot } from "../ballot.js";
import type { Peer } from "../input.js";
import type { P1b } from "../message.js";
import { Timeout } from "../timeout.js";
import type { LeaderContext } from "./leader-context.js";
import { PageRequests } from "./page-requests.js";
import { Patience } from "./patience.js";
import { Scout } from "./scout.js";

interface Recall {
  readonly requests: PageRequests;
  readonly asker: Peer;
  /** Until it is given up: of a configuration long replaced no majority may be left. */
  readonly timeout: Timeout;
  /** The first slot not told yet. */
  next: number;
}

/**
 * Old decisions read back from the acceptors (rule 9). A majority is asked again, under the same ballot: as the slots are
 * decided, the pvalue with the highest ballot holds the value of each.
 */
export class Recalls {
  readonly #ballot: Ballot;
  readonly #context: LeaderContext;
  /** One for each asker: nobody waits for another's. */
  readonly #byAsker = new Map<string, Recall>();
  /** By asker: whoever is answered slowly asks again for what was given up. */
  readonly #patience = new Map<string, Patience>();

  constructor(ballot: Ballot, context: LeaderContext) {
    this.#ballot = ballot;
    this.#context = context;
  }

  tick(): void {
    for (const [id, { timeout }] of this.#byAsker) {
      if (!timeout.tick()) continue;
      this.#byAsker.delete(id);
      this.#patienceWith(id).inVain();
    }
    for (const { requests } of this.#byAsker.values()) requests.tick();
  }

  /** An acceptor can be talked to again. */
  connected(acceptor: string): void {
    for (const { requests } of this.#byAsker.values()) requests.connected(acceptor);
  }

  /** A replica lacks a slot that is decided, but whose decision is not kept; and the ones behind it, so far as that is so. */
  begin(slot: number, asker: Peer): void {
    if (this.#byAsker.has(asker.id)) return;
    const { limits, learned, configurations, nextScout } = this.#context;
    const configuration = configurations.at(slot);
    let until = slot;
    while (
      until < learned.slotOut &&
      until < slot + limits.maxAnswerSlots &&
      !learned.get(until) &&
      configurations.rules(configuration.number, until)
    )
      until++;
    const scout = new Scout(nextScout(), this.#ballot, configuration, { from: slot, until });
    const requests = new PageRequests(scout, this.#context);
    const timeout = new Timeout(this.#patienceWith(asker.id).ticks);
    this.#byAsker.set(asker.id, { requests, asker, timeout, next: slot });
  }

  receive(answer: P1b): void {
    for (const recall of this.#byAsker.values())
      if (recall.requests.scout.number === answer.scout) this.#tell(recall, answer);
  }

  /**
   * Acceptors may have forgotten more. What a majority still tells of a trimmed slot need not be what was decided there: the
   * acceptor that knew it may be the one that forgot. So whoever asked is told that it is trimmed (rule 9).
   */
  trimmed(): void {
    const { learned, outputs } = this.#context;
    const { trim } = learned;
    for (const [id, { asker, next }] of this.#byAsker) {
      if (next >= trim.below) continue;
      this.#byAsker.delete(id);
      outputs.send(asker, { kind: "trimmed", trim });
    }
  }

  /** Tells each part as soon as a majority has told it, so that its asker gets on however large the values are. */
  #tell(recall: Recall, answer: P1b): void {
    const { requests, asker, timeout } = recall;
    const patience = this.#patienceWith(asker.id);
    const { scout } = requests;
    requests.receive(answer);
    if (scout.adopted) this.#byAsker.delete(asker.id);
    const until = Math.min(scout.covered, scout.until);
    for (; recall.next < until; recall.next++) {
      const pvalue = scout.found.get(recall.next);
      if (!pvalue) break;
      patience.gotOn();
      timeout.start(patience.ticks);
      this.#context.outputs.send(asker, { kind: "decision", slot: recall.next, value: pvalue.value });
    }
    scout.skipTo(recall.next);
    requests.askOn(recall.next);
  }

  #patienceWith(asker: string): Patience {
    const known = this.#patience.get(asker) ?? new Patience(this.#context.limits.scoutTicks);
    this.#patience.set(asker, known);
    return known;
  }
}

import type { Configuration } from "../configuration.js";
import type { Limits } from "../limits.js";
import type { ToAcceptor } from "../message.js";
import type { Outputs } from "../output.js";
import { majorityOf } from "../quorum.js";
import { RoundTrip } from "../round-trip.js";

/**
 * Asks acceptors, and knows for how many ticks each has owed an answer: since the oldest request that nothing was heard
 * after. Only answers from the bound store count (rule 5).
 */
export class AcceptorContact {
  readonly #limits: Limits;
  readonly #outputs: Outputs;
  readonly #connected = new Set<string>();
  readonly #owing = new Map<string, number>();
  /** The time in which each answers what it is asked to write or to read. */
  readonly #roundTrips = new Map<string, RoundTrip>();

  constructor(limits: Limits, outputs: Outputs) {
    this.#limits = limits;
    this.#outputs = outputs;
  }

  connected(acceptor: string): void {
    this.#connected.add(acceptor);
  }

  disconnected(acceptor: string): void {
    this.#connected.delete(acceptor);
  }

  roundTrip(acceptor: string): RoundTrip {
    const known = this.#roundTrips.get(acceptor) ?? new RoundTrip(this.#limits.resendTicks);
    this.#roundTrips.set(acceptor, known);
    return known;
  }

  /** Sends a message that is to be answered. */
  ask(acceptor: string, message: ToAcceptor): void {
    if (!this.#owing.has(acceptor)) this.#owing.set(acceptor, 0);
    this.#outputs.send({ role: "acceptor", id: acceptor }, message);
  }

  answered(acceptor: string): void {
    this.#owing.delete(acceptor);
  }

  tick(): void {
    for (const [acceptor, ticks] of this.#owing) this.#owing.set(acceptor, ticks + 1);
  }

  /** Every debt is forgotten: a new attempt to lead counts its silence from its own start. */
  restart(): void {
    this.#owing.clear();
  }

  /** False once a majority of the configuration has not answered for one suspicion time. */
  reachesMajority(configuration: Configuration): boolean {
    const answering = configuration.acceptors.filter(
      (member) => (this.#owing.get(member.id) ?? 0) <= this.#limits.suspectAfterTicks,
    );
    return answering.length >= majorityOf(configuration.acceptors.length);
  }

  /** Ids of the acceptors without a connection, or that let two heartbeats pass without an answer. */
  unreachable(configuration: Configuration): readonly string[] {
    return configuration.acceptors
      .map((member) => member.id)
      .filter(
        (id) => !this.#connected.has(id) || (this.#owing.get(id) ?? 0) > 2 * this.#limits.heartbeatTicks,
      );
  }
}

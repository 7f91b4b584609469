import { type Random, randomBelow } from "@synod/core";
import { remedyMethod } from "@synod/state-machine";
import { type Cluster, pick } from "../cluster.js";
import type { SimulatedNode } from "../node.js";
import { Violation } from "../violation.js";

/**
 * Probabilities per tick: somebody looks for a replica that stands still, promises a slot as a precaution, decides without
 * promises, or proposes a remedy before its slot is decided.
 */
const rates = { look: 0.1, precaution: 0.004, rash: 0.004, early: 0.002 } as const;
const patienceMs = 8_000;
/** The ticks after which an attempt counts as failed: whoever was asked may have ended. */
const patienceTicks = 150;
/** Between two looks at replicas that still wait after the last fault. */
const calmTicks = 40;

/** The decision wanted about a slot. */
interface Wanted {
  readonly slot: number;
  readonly number: number;
  readonly skip: number | "batch" | undefined;
}

/** Somebody who has slots skipped, as `synod skip` does, or gives replicas a build that executes them (rule 33). */
export class Skipping {
  readonly #cluster: Cluster;
  readonly #random: Random;
  /** Slots that any replica was asked to wait with. */
  readonly #asked = new Set<number>();
  #busyUntil = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.streams.remedies;
  }

  tick(): void {
    const random = this.#random;
    if (random() < rates.rash) this.#decideRashly();
    if (random() < rates.early) this.#proposeEarly();
    if (this.#cluster.now < this.#busyUntil) return;
    if (random() < rates.precaution) this.#takePrecaution();
    else if (random() < rates.look) this.#look();
  }

  /** Faults are over, and no command is lethal: every replica goes on as soon as nobody has it wait. */
  calm(): void {
    const { lethal, now, replicas } = this.#cluster;
    if (lethal) lethal.over = true;
    if (now % calmTicks !== 0) return;
    for (const node of replicas) {
      const halt = node.process?.performer.halted;
      if (halt?.kind === "stuck") this.#mend(node, halt.slot);
      else if (halt?.kind === "held") this.#takeBack(node, halt.slot);
    }
  }

  #look(): void {
    const random = this.#random;
    const waiting = this.#cluster.replicas.filter(({ process }) => process?.performer.halted !== undefined);
    if (waiting.length === 0) return;
    const node = pick(random, waiting);
    const halt = node.process?.performer.halted;
    if (halt?.kind === "held") this.#takeBack(node, halt.slot);
    if (halt?.kind !== "stuck") return;
    const { slot, command } = halt;
    if (random() < 0.2 || this.#cluster.replicas.some((other) => appliedBy(other) >= slot)) {
      this.#mend(node, slot);
      return;
    }
    const skip = command === undefined || random() < 0.4 ? "batch" : command.index;
    this.#agree({ slot, number: this.#nextNumber(slot), skip });
  }

  /** Somebody has replicas wait with a slot of which nothing is known yet, all or some, and then has it decided or takes it back. */
  #takePrecaution(): void {
    const random = this.#random;
    const { replicas } = this.#cluster;
    const first = pick(random, replicas);
    const status = first.process?.status();
    if (status === undefined) return;
    const slot = (random() < 0.5 ? appliedBy(first) : status.highestKnown) + 1;
    const skip = random() < 0.5 ? "batch" : undefined;
    const wanted = { slot, number: this.#nextNumber(slot), skip } as const;
    if (random() < 0.5) this.#agree(wanted);
    else this.#hold(first, wanted, () => this.#again(() => this.#takeBack(first, slot)));
  }

  /** Nobody was asked to wait: no replica takes part in that. */
  #decideRashly(): void {
    const node = pick(this.#random, this.#cluster.replicas);
    const slot = appliedBy(node) + 1;
    if (!node.process || node.paused || this.#asked.has(slot)) return;
    this.#decide(node, { slot, number: 1, skip: "batch" }, (refusal) => {
      if (refusal === undefined)
        throw new Violation(
          `${node.peer.id} has a remedy decided for slot ${slot}, which nobody promised to wait with`,
        );
    });
  }

  /** Something that is no replica's own proposes a remedy for a slot that is not decided: it counts only when that is decided first. */
  #proposeEarly(): void {
    const { process, paused } = pick(this.#random, this.#cluster.replicas);
    if (!process || paused) return;
    const slot = process.status().highestKnown + 1 + randomBelow(this.#random, 3);
    process.requests.submit(
      [process.commands.make(remedyMethod, { slot, number: 1 })],
      "operator",
      patienceMs,
      () => {
        this.#cluster.trace.count("remedy before its slot");
      },
    );
  }

  /** Each replica promises to wait, one after the other; then one has the remedy decided. */
  #agree(wanted: Wanted): void {
    this.#busyUntil = this.#cluster.now + patienceTicks;
    this.#holdAll([...this.#cluster.replicas], wanted);
  }

  #holdAll([node, ...others]: readonly SimulatedNode[], wanted: Wanted): void {
    if (node === undefined) this.#have(wanted);
    else this.#hold(node, wanted, () => this.#holdAll(others, wanted));
  }

  #hold(node: SimulatedNode, { slot, number }: Wanted, then: () => void): void {
    this.#again(() => {
      const { process } = node;
      if (!this.#cluster.faulty || !process || node.paused) {
        this.#giveUp();
        return;
      }
      this.#asked.add(slot);
      try {
        const { held } = process.remedies.hold({ slot, number }).response;
        this.#cluster.trace.count(`slot ${held ? "held" : "executed before it is held"}`);
        if (held) then();
        else this.#giveUp();
      } catch (error) {
        if ((error as Error).name !== "CallError") throw error;
        this.#cluster.trace.count("promise refused");
        this.#giveUp();
      }
    });
  }

  /** One that is nearest to the slot has it decided, and now and then another one too. */
  #have(wanted: Wanted): void {
    const nearest = [...this.#cluster.replicas].sort((a, b) => appliedBy(b) - appliedBy(a));
    const done = (refusal: string | undefined) => {
      this.#cluster.trace.count(`remedy ${refusal === undefined ? "decided" : "not decided"}`);
      this.#giveUp();
    };
    this.#decide(nearest[0] as SimulatedNode, wanted, done);
    if (this.#random() < 0.3) this.#decide(nearest[1] as SimulatedNode, wanted, () => {});
  }

  #takeBack(node: SimulatedNode, slot: number): void {
    this.#decide(node, { slot, number: this.#nextNumber(slot), skip: undefined }, (refusal) => {
      this.#cluster.trace.count(`promise ${refusal === undefined ? "taken back" : "not taken back"}`);
    });
  }

  #decide(
    node: SimulatedNode,
    { slot, number, skip }: Wanted,
    done: (refusal: string | undefined) => void,
  ): void {
    const { process } = node;
    if (!process || node.paused) {
      done("it does not answer");
      return;
    }
    const call = {
      request: { slot, number, skip, retire: [] },
      onCancelled: () => {},
      timeLeftMs: () => patienceMs,
    } as unknown as Parameters<typeof process.remedies.decide>[0];
    process.remedies
      .decide(call)
      .then(() => done(undefined))
      .catch((error: Error) => {
        if (error.name === "CallError") done(error.message);
        else this.#cluster.fail(error);
      })
      .catch((error: unknown) => this.#cluster.fail(error));
  }

  /** The replica gets a build that executes the slot. */
  #mend(node: SimulatedNode, slot: number): void {
    const { lethal, trace } = this.#cluster;
    lethal?.mend(node.peer.id, slot);
    trace.count("build that executes the slot");
    node.repairs++;
    this.#cluster.note(`${node.peer.id} gets a build that executes slot ${slot}`);
    this.#cluster.crash(node);
    this.#cluster.later(2, () => this.#cluster.start(node));
  }

  #nextNumber(slot: number): number {
    const known = this.#cluster.replicas.flatMap(({ process }) => {
      const { performer } = process ?? {};
      return performer?.halted?.slot === slot ? [performer.remediesOfNext] : [];
    });
    return 1 + Math.max(0, ...known);
  }

  #giveUp(): void {
    this.#busyUntil = this.#cluster.now;
  }

  #again(work: () => void): void {
    this.#cluster.later(1 + randomBelow(this.#random, 4), work);
  }
}

function appliedBy({ process }: SimulatedNode): number {
  return process?.engine.appliedSlot ?? 0;
}

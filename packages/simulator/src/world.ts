import { type Random, seededRandom } from "@synod/core";
import { CatchUp } from "./catch-up.js";
import { Clients } from "./clients.js";
import { Cluster } from "./cluster.js";
import { Faults } from "./faults.js";
import type { SimulatedNode } from "./node.js";
import { drawOptions, simulatedLimits, type WorldOptions } from "./options.js";
import { Recovery } from "./recovery.js";

export interface RunResult {
  readonly seed: number;
  readonly options: WorldOptions;
  readonly failure: string | undefined;
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last lines of the trace, and a hash over all of it: equal for equal seeds. */
  readonly trace: readonly string[];
  readonly traceHash: string;
}

/**
 * A whole cluster of the real core in one thread. Everything random comes from one seed, so a run is replayed by its
 * number. First any fault may happen; then faults stop, and everything waiting must finish.
 */
export class World {
  readonly #seed: number;
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #cluster: Cluster;
  readonly #faults: Faults;
  readonly #clients: Clients;
  readonly #catchUp: CatchUp;
  readonly #recovery: Recovery;
  readonly #slow = new Set<SimulatedNode>();

  constructor(seed: number, overrides: Partial<WorldOptions> = {}) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#options = { ...drawOptions(this.#random), ...overrides };
    this.#cluster = new Cluster(this.#random, this.#options);
    this.#faults = new Faults(this.#cluster);
    this.#clients = new Clients(this.#cluster);
    this.#catchUp = new CatchUp(this.#cluster);
    this.#recovery = new Recovery(this.#cluster, this.#clients, this.#faults);
    if (this.#options.slow > 0)
      for (const node of this.#cluster.nodes) if (this.#random() < this.#options.slow) this.#slow.add(node);
  }

  run(): RunResult {
    const { nodes, checker, network, trace } = this.#cluster;
    let failure: string | undefined;
    try {
      for (const node of nodes) node.start();
      while (this.#cluster.now < this.#options.faultyTicks) this.#tick();
      this.#recovery.begin();
      const calm = this.#cluster.now;
      while (this.#cluster.now < calm + this.#options.calmTicks && this.#recovery.stuck) this.#tick();
      this.#recovery.demandLiveness();
      const { slots, distinct } = checker.proposals;
      trace.counts["slots with a repeated proposal"] = slots - distinct;
    } catch (error) {
      failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (!(error instanceof Error) || !["Violation", "InvariantViolation"].includes(error.name)) throw error;
    }
    const counts = {
      ...trace.counts,
      slots: checker.slots,
      executed: checker.executed,
      configurations: checker.latest.configuration.number - 1,
      "trim point moved": checker.replicas.moves,
      "late report": checker.replicas.lateReports,
      ...network.counts,
    };
    const { lines, hash } = trace;
    return { seed: this.#seed, options: this.#options, failure, counts, trace: lines, traceHash: hash };
  }

  #tick(): void {
    const { faulty } = this.#cluster;
    const { request, reconfigure, sync, flush } = this.#options;
    this.#cluster.now++;
    this.#cluster.connect();
    if (faulty) this.#faults.tick();
    if (faulty && this.#random() < request) this.#clients.request();
    if (!faulty) this.#recovery.tick();
    if (reconfigure > 0) this.#clients.reconfigure();
    this.#cluster.deliver();
    this.#catchUp.tick();
    for (const node of this.#cluster.nodes) {
      if (!node.up || node.paused) continue;
      const itsTurn = !this.#slow.has(node) || this.#cluster.now % 10 === 0;
      if (itsTurn && (!faulty || this.#random() < 0.95)) node.tick();
      if (!faulty || this.#random() < sync) this.#sync(node);
      if (node.replica && (!faulty || this.#random() < flush)) node.flush();
    }
  }

  #sync(node: SimulatedNode): void {
    for (const record of node.sync()) {
      if (record.kind === "accept" && node.disk)
        this.#cluster.checker.voted(node.peer.id, node.disk.store, record.pvalue);
    }
    node.release();
  }
}

/** Runs one seed. @throws nothing but errors of the simulator itself; a broken promise is in `failure` */
export function simulate(seed: number, overrides: Partial<WorldOptions> = {}): RunResult {
  return new World(seed, overrides).run();
}

export { simulatedLimits };

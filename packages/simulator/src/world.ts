import { Backups } from "./backups.js";
import { Clients } from "./clients.js";
import { Cluster } from "./cluster.js";
import { EngineSwitches } from "./engine-switches.js";
import { drawFaults, type FaultEvent } from "./fault-event.js";
import { Faults } from "./faults.js";
import { HostileClients } from "./hostile-clients.js";
import { IdleStretch } from "./idle-stretch.js";
import type { SimulatedNode } from "./node.js";
import { Operator } from "./operator.js";
import {
  drawCallerOptions,
  drawHostileOptions,
  drawLinkOptions,
  drawOptions,
  drawRareOptions,
  drawRemedyOptions,
  drawServiceOptions,
  drawSlotOptions,
  type WorldOptions,
} from "./options.js";
import { PlainCallers } from "./plain-callers.js";
import { Recovery } from "./recovery.js";
import { Skipping } from "./remedies/skipping.js";
import { Upgrades } from "./stock/upgrades.js";
import { streamsOf } from "./streams.js";
import { Trace } from "./trace.js";

/** All that a run is made from: equal schedules give equal runs. */
export interface Schedule {
  readonly seed: number;
  /** Options in place of those that the seed draws. */
  readonly overrides?: Partial<WorldOptions> | undefined;
  /** Faults in place of those that the seed draws. */
  readonly events?: readonly FaultEvent[] | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly options: WorldOptions;
  /** The faults of the run until it ended. */
  readonly events: readonly FaultEvent[];
  readonly failure: string | undefined;
  /** Ticks that the run took. */
  readonly ticks: number;
  /** By kind of event: the number of times that it happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last lines of the trace, or all. */
  readonly trace: readonly string[];
  /** sha256 of the whole trace, with the bytes of every message and the hash of every state; hexadecimal. */
  readonly sha256: string;
}

/**
 * A whole cluster of the real core, codec and services in one thread. Everything random comes from one seed, so a run is
 * replayed by its number. First any fault may happen; then faults stop, and everything waiting must finish.
 */
class World {
  readonly #seed: number;
  readonly #options: WorldOptions;
  readonly #events: readonly FaultEvent[];
  readonly #cluster: Cluster;
  readonly #faults: Faults;
  readonly #clients: Clients;
  readonly #callers: PlainCallers;
  readonly #hostile: HostileClients;
  readonly #operator: Operator;
  readonly #recovery: Recovery;
  readonly #upgrades: Upgrades | undefined;
  readonly #backups: Backups | undefined;
  readonly #engines: EngineSwitches | undefined;
  readonly #skipping: Skipping | undefined;
  readonly #slow: ReadonlySet<SimulatedNode>;

  constructor({ seed, overrides, events }: Schedule, wholeTrace: boolean) {
    const streams = streamsOf(seed);
    this.#seed = seed;
    const usual = drawOptions(streams.options);
    const options = {
      ...usual,
      ...drawRareOptions(streams.rare, usual),
      ...drawServiceOptions(streams.services),
      ...drawCallerOptions(streams.callers),
      ...drawRemedyOptions(streams.remedies),
      ...drawSlotOptions(streams.slots),
      ...drawHostileOptions(streams.hostile),
      ...drawLinkOptions(streams.links),
      ...overrides,
    };
    const { upgrades, engines, reconfigure } = options;
    this.#options = {
      ...options,
      // Each replica keeps a session of its own.
      maxSessions: Math.max(options.maxSessions, options.replicas),
      streams: options.streams && reconfigure === 0,
      remedies: options.remedies && !upgrades && !engines,
    };
    const { faults, faultyTicks, slow } = this.#options;
    this.#events = events ?? drawFaults(streams.faults, faults, faultyTicks);
    this.#cluster = new Cluster(streams, this.#options, new Trace(wholeTrace));
    this.#faults = new Faults(this.#cluster, this.#events);
    this.#clients = new Clients(this.#cluster);
    this.#hostile = new HostileClients(this.#cluster);
    this.#callers = new PlainCallers(this.#cluster, this.#hostile);
    this.#operator = new Operator(this.#cluster, streams.operator);
    this.#recovery = new Recovery(
      this.#cluster,
      this.#clients,
      this.#callers,
      this.#faults,
      streams.recovery,
    );
    this.#upgrades = this.#options.upgrades ? new Upgrades(this.#cluster) : undefined;
    this.#engines = this.#options.engines ? new EngineSwitches(this.#cluster) : undefined;
    this.#backups = this.#options.backups ? new Backups(this.#cluster) : undefined;
    this.#skipping = this.#options.remedies ? new Skipping(this.#cluster) : undefined;
    this.#slow = new Set(this.#cluster.nodes.filter(() => streams.roles() < slow));
  }

  async run(): Promise<RunResult> {
    const { nodes, trace } = this.#cluster;
    let failure: string | undefined;
    try {
      for (const node of nodes) this.#cluster.start(node);
      while (this.#cluster.now < this.#options.faultyTicks) await this.#tick();
      this.#recovery.begin();
      this.#upgrades?.end();
      const calm = this.#cluster.now;
      while (this.#cluster.now < calm + this.#options.calmTicks && this.#recovery.stuck) await this.#tick();
      this.#recovery.demandLiveness();
      const { idleTicks, star } = this.#options;
      if (idleTicks > 0 && !star)
        await new IdleStretch(this.#cluster, this.#clients, () => this.#tick()).run(idleTicks);
    } catch (error) {
      if (!(error instanceof Error) || !["Violation", "InvariantViolation"].includes(error.name)) throw error;
      failure = `${error.name}: ${error.message}`;
      this.#cluster.note(failure);
    }
    const { now } = this.#cluster;
    return {
      seed: this.#seed,
      options: this.#options,
      events: this.#events.filter(({ at }) => at <= now),
      failure,
      ticks: now,
      counts: this.#counts(),
      trace: trace.lines,
      sha256: trace.sha256,
    };
  }

  #counts(): Record<string, number> {
    const { checker, network, trace } = this.#cluster;
    const { slots, distinct } = checker.proposals;
    return {
      ...trace.counts,
      slots: checker.slotOut - 1,
      executed: checker.log.executed,
      "leader change": checker.leaderChanges,
      "slots with a repeated proposal": slots - distinct,
      reconfiguration: checker.latest.configuration.number - 1,
      "trim point moved": checker.replicas.moves,
      "late report": checker.replicas.lateReports,
      ...network.counts,
    };
  }

  async #tick(): Promise<void> {
    const cluster = this.#cluster;
    const { faulty, streams } = cluster;
    const { reconfigure, sync, flush } = this.#options;
    cluster.now++;
    cluster.connect();
    if (faulty) {
      this.#faults.tick();
      this.#clients.ask();
      this.#callers.ask();
      this.#hostile.ask();
      this.#upgrades?.tick();
      this.#backups?.tick();
      this.#engines?.tick();
      this.#skipping?.tick();
    } else {
      this.#recovery.tick();
      this.#skipping?.calm();
    }
    if (reconfigure > 0) this.#operator.tick();
    cluster.arrive();
    this.#clients.tick();
    cluster.deliver();
    cluster.ways.tick();
    for (const node of cluster.nodes) {
      if (!node.up || node.paused || cluster.hasEnded(node)) continue;
      const itsTurn = !this.#slow.has(node) || cluster.now % 10 === 0;
      if (itsTurn && (!faulty || streams.roles() < 0.95)) cluster.run(node, () => node.tick());
      cluster.run(node, () => cluster.turn(node));
      if (node.peer.role === "leader") continue;
      const pace = node.slowSync ? 0.02 : node.disk ? sync : flush;
      if (faulty && (node.hanging || streams.disks() >= pace)) continue;
      const failure = faulty && node.writing ? this.#faults.failureOfWrite(node) : undefined;
      if (failure) node.failWrite(failure);
      else cluster.run(node, () => node.write());
    }
    await settled();
    for (const node of cluster.takeDied()) this.#faults.died(node);
  }
}

/** Everything that follows from what has happened in this tick, and waits for nothing more, has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs a schedule. Rejects with errors of the simulator itself only; a broken promise is in `failure`. */
export function simulate(schedule: Schedule | number, { wholeTrace = false } = {}): Promise<RunResult> {
  return new World(typeof schedule === "number" ? { seed: schedule } : schedule, wholeTrace).run();
}

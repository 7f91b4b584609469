import type { Client } from "./client.js";
import type { Clients } from "./clients.js";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { Violation } from "./violation.js";

/** Ticks within which a single command is decided in a calm world. */
const probeTicks = 600;
/** Reports and checkpoints are over by then. */
const settlingTicks = 600;
/** Ticks at the beginning of a stretch in which nothing goes wrong. */
const quietTicks = 300;
/** Stretches that are tried for one without a slot: something due just before, its checkpoint and its reports may fall into some. */
const quietStretches = 3;
/** The longest that a due command waits for log time to be moved to it. */
const dueWithinMs = 2_000;
/** The longest that a proposal takes in a calm world, with one step of 200 ms. */
const toleranceMs = 400;
/** The longest that replicas take to notice that they reach no leader, and that they do again. */
const noticedMs = 1_500;

/**
 * After the last fault: nobody asks anything for a long time, while replicas are started again and stand still, one at a
 * time. Then log time has kept up, whichever replica is asked first, and silence has cost no slot; but while no replica reached a
 * leader it stood still (rule 35).
 */
export class IdleStretch {
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #tick: () => Promise<void>;

  constructor(cluster: Cluster, clients: Clients, tick: () => Promise<void>) {
    this.#cluster = cluster;
    this.#client = clients.all[0] as Client;
    this.#tick = tick;
  }

  async run(ticks: number): Promise<void> {
    const { replicas, trace } = this.#cluster;
    const alive = replicas.filter(({ gone }) => !gone);
    for (const node of alive) if (!node.up) this.#cluster.start(node);
    await this.#pass(settlingTicks);
    await this.#silence();
    for (const node of alive) {
      await this.#probe(node);
      const { now, options } = this.#cluster;
      const before = this.#leadMs;
      if (options.idleAbsence === "standstill") await this.#cutOff(alive, ticks / 2);
      else await this.#disturb(node, alive, ticks);
      await this.#probe(node);
      trace.count("idle stretch");
      const { tickMs } = options.limits;
      if (options.idleAbsence === "standstill") this.#demandStoodStill(before, (ticks / 2) * tickMs);
      else this.#demandKeptUp(node, before, (this.#cluster.now - now) * tickMs);
    }
  }

  /** No replica reaches a leader for so long. */
  async #cutOff(alive: readonly SimulatedNode[], ticks: number): Promise<void> {
    this.#link(alive, false);
    await this.#pass(ticks);
    this.#link(alive, true);
  }

  #link(replicas: readonly SimulatedNode[], linked: boolean): void {
    const { leaders, network } = this.#cluster;
    for (const [a, b] of replicas.flatMap((x) => leaders.map((y) => [x.peer.id, y.peer.id] as const))) {
      if (linked) network.join(a, b);
      else network.cut(a, b);
      if (!linked) network.cut(b, a);
      if (!linked) this.#cluster.disconnect(a, b);
    }
  }

  /** Half of the time it is away, and the first that is asked afterwards. */
  async #disturb(node: SimulatedNode, alive: readonly SimulatedNode[], ticks: number): Promise<void> {
    const leaves = this.#absence(node, alive.indexOf(node) % 2 === 0);
    await this.#pass(ticks / 4);
    leaves.begin();
    await this.#pass(ticks / 4);
    // Something is decided meanwhile, which it misses.
    const other = alive.find((each) => each !== node);
    if (other) await this.#probe(other);
    await this.#pass(ticks / 4);
    leaves.end();
  }

  #absence(node: SimulatedNode, pauses: boolean): { begin(): void; end(): void } {
    if (this.#cluster.options.idleAbsence === "links")
      return { begin: () => this.#link([node], false), end: () => this.#link([node], true) };
    const pause = (paused: boolean) => {
      node.paused = paused;
    };
    if (pauses) return { begin: () => pause(true), end: () => pause(false) };
    return { begin: () => this.#cluster.crash(node), end: () => this.#cluster.start(node) };
  }

  /** While nothing is due, nothing is decided and nobody votes, once the effects of the last due command are over. */
  async #silence(): Promise<void> {
    const { checker } = this.#cluster;
    let decided = 0;
    for (let stretch = 0; stretch < quietStretches; stretch++) {
      const { slotOut } = checker;
      const votes = checker.leaders.votesAsked;
      await this.#pass(quietTicks);
      const asked = checker.leaders.votesAsked - votes;
      if (asked > 0) throw new Violation(`acceptors were asked for ${asked} votes while a leader was heard`);
      this.#demandDone();
      decided = checker.slotOut - slotOut;
      if (decided === 0 || this.#somethingDue) return;
    }
    throw new Violation(`${decided} slots were decided while nobody asked anything and nothing was due`);
  }

  /** Due commands are executed though nobody asks for anything. */
  #demandDone(): void {
    const { now, options, replicas } = this.#cluster;
    const latestMs = now * options.limits.tickMs + this.#leadMs - dueWithinMs;
    for (const { process, peer } of replicas) {
      const { resumeMs = latestMs } = process?.engine.nextDue ?? {};
      if (resumeMs < latestMs)
        throw new Violation(
          `a command due at ${resumeMs} ms waits at ${peer.id}, though log time is past ${latestMs} ms`,
        );
    }
  }

  get #somethingDue(): boolean {
    return this.#cluster.replicas.some(({ process }) => process?.engine.nextDue.resumeMs !== undefined);
  }

  /** The milliseconds by which log time is ahead of time. */
  get #leadMs(): number {
    return this.#cluster.checker.log.leadMs;
  }

  #demandKeptUp({ peer }: SimulatedNode, before: number, passedMs: number): void {
    const behindMs = before - this.#leadMs;
    if (behindMs > toleranceMs + passedMs * this.#cluster.options.drift)
      throw new Violation(
        `log time fell behind by ${Math.round(behindMs)} ms in ${passedMs} ms in which nobody asked anything before ${peer.id}`,
      );
  }

  #demandStoodStill(before: number, stoodMs: number): void {
    const behindMs = before - this.#leadMs;
    if (behindMs < stoodMs - noticedMs)
      throw new Violation(
        `log time stood still for ${Math.round(behindMs)} ms of ${stoodMs} ms in which no replica reached a leader`,
      );
  }

  /** Asks this replica for one command. */
  async #probe(node: SimulatedNode): Promise<void> {
    const client = this.#client;
    client.pinned = this.#cluster.replicas.indexOf(node);
    client.want(1);
    const until = this.#cluster.now + probeTicks;
    while (client.waiting > 0) {
      if (this.#cluster.now > until)
        throw new Violation(`a command waits for ${probeTicks} ticks at ${node.peer.id} in a calm world`);
      await this.#tick();
    }
  }

  async #pass(ticks: number): Promise<void> {
    for (const until = this.#cluster.now + ticks; this.#cluster.now < until; ) await this.#tick();
  }
}

// A cluster of real service processes, each of which a script may kill, pause and start again.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { askStatus, Child, freePorts, planCluster, prepareCluster } from "@synod/cli";
import { WrappedChild } from "./wrapped.mjs";

/** @typedef {import("@synod/cli").Plan} Plan */
/** @typedef {Child | WrappedChild} Running */

export class Processes {
  /** @type {Plan} */ plan;
  /** @type {Map<string, Running>} */ children = new Map();
  /** Variables that a member is started with, besides those of this process. @type {Map<string, Record<string, string>>} */
  environments = new Map();
  #remove = true;

  /** @param {Plan} plan */
  constructor(plan) {
    this.plan = plan;
  }

  /**
   * Stores and files of a new cluster in a temporary directory; nothing is started yet.
   * @param {Partial<import("@synod/cli").Counts>} [counts]
   * @param {string[]} [services] modules of users' services, which every replica runs
   */
  static async prepare(counts = {}, services = []) {
    const all = { acceptors: 3, leaders: 3, replicas: 3, ...counts };
    const directory = mkdtempSync(path.join(tmpdir(), "synod-processes-"));
    const ports = await freePorts(all.acceptors + all.leaders + all.replicas);
    const plan = planCluster(directory, all, ports, services);
    await prepareCluster(plan);
    return new Processes(plan);
  }

  /** @param {Partial<import("@synod/cli").Counts>} [counts] @param {string[]} [services] */
  static async start(counts = {}, services = []) {
    const processes = await Processes.prepare(counts, services);
    for (const { id } of processes.plan.members) processes.start(id);
    try {
      await processes.ready();
      return processes;
    } catch (error) {
      await processes.end();
      throw error;
    }
  }

  /** @param {string} role */
  ids(role) {
    return this.plan.members.filter((member) => member.role === role).map((member) => member.id);
  }

  /** @param {string} id */
  member(id) {
    const member = this.plan.members.find((one) => one.id === id);
    if (!member) throw new Error(`no member ${id}`);
    return member;
  }

  /** @param {string} id */
  address(id) {
    return this.member(id).address;
  }

  get replicas() {
    return this.ids("replica").map((id) => this.address(id));
  }

  /** @param {string} id */
  child(id) {
    const child = this.children.get(id);
    if (!child) throw new Error(`${id} was never started`);
    return child;
  }

  /** @param {string} id @param {import("./wrapped.mjs").How} [how] under another program, or from a copy */
  start(id, how) {
    const environment = { ...process.env, ...this.environments.get(id) };
    const member = this.member(id);
    this.children.set(id, how ? new WrappedChild(member, how) : new Child(member, environment));
  }

  /** Limits that a member has from its next start on. @param {string} id @param {Record<string, number>} limits */
  limit(id, limits) {
    const { config } = this.member(id);
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), limits }));
  }

  /** Where a member's data are to be found from its next start on. @param {string} id @param {string} data */
  moveData(id, data) {
    const { config } = this.member(id);
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), data }));
    const members = this.plan.members.map((member) => (member.id === id ? { ...member, data } : member));
    this.plan = { ...this.plan, members };
  }

  /** A member's disk is lost. @param {string} id */
  loseData(id) {
    rmSync(this.member(id).data, { recursive: true, force: true });
  }

  /** Kills at once and waits until it is gone. @param {string} id */
  async kill(id) {
    this.child(id).signal("SIGKILL");
    await this.child(id).ended;
  }

  /** @param {string} id @param {NodeJS.Signals} signal */
  signal(id, signal) {
    this.child(id).signal(signal);
  }

  /**
   * What a member says of itself; undefined when it does not answer.
   * @param {string} id
   */
  async status(id, withinMs = 1_000) {
    try {
      return await askStatus(this.address(id), withinMs);
    } catch {
      return undefined;
    }
  }

  /** The id of the leader that is active with the highest ballot; undefined when there is none. */
  async activeLeader() {
    /** @type {{ id: string, round: number } | undefined} */
    let best;
    for (const id of this.ids("leader")) {
      const status = await this.status(id, 500);
      if (status?.state.role !== "leader" || status.state.phase !== "active") continue;
      if (!best || status.state.ballot.round > best.round) best = { id, round: status.state.ballot.round };
    }
    return best?.id;
  }

  /** The same, waiting until there is one. @returns {Promise<string>} */
  async leader() {
    /** @type {string | undefined} */
    let id;
    await until("an active leader", async () => {
      id = await this.activeLeader();
      return id !== undefined;
    });
    return /** @type {string} */ (/** @type {unknown} */ (id));
  }

  /** @param {string} id */
  async serving(id) {
    return (await this.status(id))?.serving === true;
  }

  /** Waits until every started member serves. @param {string[]} [ids] */
  async ready(ids = [...this.children.keys()], withinMs = 60_000) {
    await Promise.all(ids.map((id) => until(`${id} to serve`, () => this.serving(id), withinMs)));
  }

  /** Ends every process, by force if need be, and removes the directory. */
  async end() {
    for (const child of this.children.values()) {
      child.signal("SIGCONT");
      child.signal("SIGKILL");
    }
    await Promise.all([...this.children.values()].map((child) => child.ended));
    if (this.#remove) rmSync(this.plan.directory, { recursive: true, force: true });
  }

  /** The directory stays, to be looked at. */
  keep() {
    this.#remove = false;
  }
}

/**
 * Polls until the condition holds.
 * @param {string} what
 * @param {() => Promise<boolean> | boolean} condition
 */
export async function until(what, condition, withinMs = 30_000, everyMs = 50) {
  const giveUpAt = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

// Kills upon kills, drawn from a seed: one process, several at once, and those that have only just been started again.
import { readdirSync } from "node:fs";
import { flagNumber, pick, random, seedOf } from "./support/flags.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { Processes, until } from "./support/processes.mjs";

export const name = "storm";
export const promise =
  "60 kills in 4 minutes under load, 20 times several at once, 10 times in the midst of recovering: nothing lost, nothing twice";

/** How many of a role may be gone at once, so that a majority of acceptors, one leader and one replica live. */
const mostOf = { acceptor: 1, leader: 2, replica: 2 };
/** Decisions take so long from one replica to another; less than a report of what is on disk. */
const onTheirWayMs = 50;
const roles = /** @type {(keyof typeof mostOf)[]} */ (Object.keys(mostOf));

/** What must have happened in the whole time. */
const least = { kills: 60, ofEachRole: 10, severalAtOnce: 20, whileRecovering: 10 };

/** @param {import("./run.mjs").Options} options `--minutes N`, `--seed N` */
export async function run({ parameters, progress }) {
  const minutes = flagNumber(parameters, "--minutes", 4);
  const seed = seedOf(parameters);
  progress(`seed ${seed}: ${minutes} minutes`);
  const processes = await Processes.start();
  const load = new Load(processes.replicas, { deadlineMs: 60_000 });
  const storm = new Storm(processes, load, random(seed));
  try {
    await load.more(500);
    const startedAt = Date.now();
    const elapsed = () => (Date.now() - startedAt) / 60_000;
    // On a busy machine processes take longer to come back, and the storm longer to have done its work.
    while (elapsed() < minutes || (elapsed() < minutes + Math.max(minutes, 2) && !storm.enough(minutes / 4)))
      progress(await storm.strike());
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    await load.more(Math.max(0, (minutes < 4 ? 500 : 5_000) - load.acknowledged.size));
    await load.stop();
    const inService = await everybodyServes(processes);
    const verified = await verify(processes.replicas, load);
    const { equal, states } = await equalReplicas(processes);
    const { kills, severalAtOnce, whileRecovering, slowestReturnMs } = storm;
    return {
      holds: storm.enough(minutes / 4) && inService && verified.lost === 0 && verified.doubled === 0 && equal,
      figures: {
        seed,
        seconds,
        kills: storm.total,
        killsByRole: kills,
        severalAtOnce,
        whileRecovering,
        ...verified,
        worstGapMs: load.longestGap(startedAt),
        slowestReturnMs,
        everybodyInService: inService,
        replicasEqual: equal,
        ...(equal ? {} : { states }),
        whyFailed: [...new Set(load.failed.values())].slice(0, 3),
      },
    };
  } catch (error) {
    processes.keep();
    progress(`the directory stays: ${processes.plan.directory}`);
    throw error;
  } finally {
    load.kill();
    await processes.end();
  }
}

/** @param {Processes} processes */
async function everybodyServes(processes) {
  try {
    await processes.ready();
    return true;
  } catch {
    return false;
  }
}

export class Storm {
  kills = { acceptor: 0, leader: 0, replica: 0 };
  severalAtOnce = 0;
  whileRecovering = 0;
  slowestReturnMs = 0;
  #processes;
  #load;
  #draw;
  #strikes = 0;

  /** @param {Processes} processes @param {Load} load @param {() => number} draw */
  constructor(processes, load, draw) {
    this.#processes = processes;
    this.#load = load;
    this.#draw = draw;
  }

  get total() {
    return roles.reduce((sum, role) => sum + this.kills[role], 0);
  }

  /** Whether that much has happened of what must. @param {number} share */
  enough(share) {
    return (
      this.total >= least.kills * share &&
      roles.every((role) => this.kills[role] >= least.ofEachRole * share) &&
      this.severalAtOnce >= least.severalAtOnce * share &&
      this.whileRecovering >= least.whileRecovering * share
    );
  }

  /** One strike, until everybody is back: victims die at once, and of some strikes one dies again before it serves. */
  async strike() {
    // Seven of eight strikes hit several, and two of three somebody who recovers.
    const several = this.#strikes % 8 !== 0;
    const again = this.#strikes % 3 !== 1;
    const first = /** @type {(typeof roles)[0]} */ (roles[this.#strikes % roles.length]);
    this.#strikes++;
    const victims = this.#victims(first, several);
    await this.#survivorCaughtUp(victims);
    for (const id of victims) this.#processes.signal(id, "SIGKILL");
    await Promise.all(victims.map((id) => this.#processes.child(id).ended));
    for (const id of victims) this.#count(id);
    if (victims.length > 1) this.severalAtOnce++;
    await this.#load.more(Math.ceil(this.#draw() * 100));
    const startedAt = Date.now();
    for (const id of victims) this.#processes.start(id);
    const struckAgain = again ? await this.#whileRecovering(pick(this.#draw, victims)) : undefined;
    await this.#processes.ready();
    const backMs = Date.now() - startedAt;
    this.slowestReturnMs = Math.max(this.slowestReturnMs, backMs);
    await this.#load.more(Math.ceil(this.#draw() * 100));
    const second = struckAgain ? `, ${struckAgain} again while recovering` : "";
    return `${this.#strikes}: ${victims.join(" ")} killed${second}; all back after ${backMs} ms`;
  }

  /**
   * Slots that a majority of the replicas has on disk are forgotten by everybody else (rule 18). So two replicas may die
   * only while the third has everything as well: that is what must live.
   * @param {string[]} victims
   */
  async #survivorCaughtUp(victims) {
    const replicas = this.#processes.ids("replica");
    const survivors = replicas.filter((id) => !victims.includes(id));
    if (survivors.length === replicas.length || survivors.length > replicas.length / 2) return;
    /** @param {string[]} ids */
    const highest = async (ids) => {
      const found = await Promise.all(ids.map((id) => this.#processes.status(id)));
      return Math.max(
        ...found.map((status) => (status?.state.role === "replica" ? status.state.slotOut : 0)),
      );
    };
    await until(`${survivors} to have what the others had`, async () => {
      const wanted = await highest(replicas.filter((id) => victims.includes(id)));
      await new Promise((resolve) => setTimeout(resolve, onTheirWayMs));
      return (await highest(survivors)) >= wanted;
    });
  }

  /** @param {(typeof roles)[0]} first @param {boolean} several */
  #victims(first, several) {
    /** @type {string[]} */
    const victims = [];
    const room = { ...mostOf };
    const take = (/** @type {(typeof roles)[0]} */ role) => {
      const left = this.#processes.ids(role).filter((id) => !victims.includes(id));
      victims.push(pick(this.#draw, left));
      room[role]--;
    };
    take(first);
    const most = several ? 2 + Math.floor(this.#draw() * 4) : 1;
    while (victims.length < most)
      take(
        pick(
          this.#draw,
          roles.filter((role) => room[role] > 0),
        ),
      );
    return victims;
  }

  /**
   * Kills one that was started and does not serve yet: one with a store as soon as it has taken the store, or, as every
   * leader, once it answers. Undefined if it served before that.
   * @param {string} id
   */
  async #whileRecovering(id) {
    const { role, data } = this.#processes.member(id);
    const owner = `owner-${this.#processes.child(id).pid}-`;
    const opened = () => readdirSync(data).some((file) => file.startsWith(owner));
    const answers = async () => (await this.#processes.status(id, 200)) !== undefined;
    const early = role !== "leader" && this.#draw() < 0.7;
    await until(`${id} to begin`, early ? opened : answers, 30_000, 2);
    if (await this.#processes.serving(id)) return undefined;
    await this.#processes.kill(id);
    this.#count(id);
    this.whileRecovering++;
    this.#processes.start(id);
    return id;
  }

  /** @param {string} id */
  #count(id) {
    this.kills[this.#processes.member(id).role]++;
  }
}

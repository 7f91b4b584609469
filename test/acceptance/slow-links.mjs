// Acceptors behind links of 2 MB/s and 200 ms. What is asked again must not crowd out what is asked first: over such links
// answers are late, and a leader that sent again by the clock alone would soon send little else.
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@synod/client";
import { Network } from "../chaos/network.mjs";
import { flagNumber } from "./support/flags.mjs";
import { Processes } from "./support/processes.mjs";
import { VoteWatch } from "./support/vote-watch.mjs";

export const name = "slow-links";
export const promise =
  "acceptors behind links of 2 MB/s and 200 ms: at least 70 % of what a link can carry are first copies of pvalues, and no acceptor votes twice for one";

const bytesPerSecond = 2e6;
/** In each direction: 200 ms for a question and its answer. */
const delayMs = 100;
const least = 0.7;

/** @param {import("./run.mjs").Options} options `--rounds N`, `--seconds N` of each, `--outstanding N` calls, `--kib N` of each */
export async function run({ parameters, progress }) {
  const rounds = flagNumber(parameters, "--rounds", 3);
  const seconds = flagNumber(parameters, "--seconds", 20);
  const outstanding = flagNumber(parameters, "--outstanding", 48);
  const value = new Uint8Array(flagNumber(parameters, "--kib", 256) << 10);
  const processes = await Processes.prepare({ leaders: 2 });
  const network = await Network.between(processes);
  const acceptors = processes.ids("acceptor");
  /** @type {Map<string, VoteWatch>} */ const watches = new Map();
  for (const acceptor of acceptors)
    for (const leader of processes.ids("leader")) slow(network, { acceptor, leader }, watches);
  for (const { id } of processes.plan.members) processes.start(id);
  const client = connect({ replicas: processes.replicas, deadlineMs: 120_000, silenceMs: 100_000 });
  const calls = new Calls(client, value);
  try {
    await processes.ready();
    const figures = [];
    calls.start(outstanding);
    for (let round = 1; round <= rounds; round++) {
      await sleep(5_000); // Until what is outstanding fills the links.
      const measured = await measure({ watches, seconds, calls });
      figures.push(measured);
      progress(`${round}: ${JSON.stringify(measured)}`);
    }
    await calls.stop();
    const doubled = [...watches.values()].reduce((sum, watch) => sum + watch.doubled, 0);
    const votes = [...watches.values()].reduce((sum, watch) => sum + watch.votes, 0);
    return {
      holds:
        figures.every(({ ofLink, ofCarried }) => ofLink >= least && ofCarried >= least) &&
        doubled === 0 &&
        calls.failed === 0,
      figures: { rounds: figures, votes, votedTwice: doubled, puts: calls.done, failed: calls.failed },
    };
  } finally {
    calls.over = true;
    await client.close();
    await processes.end();
    await network.close();
  }
}

/** @param {Network} network @param {{ acceptor: string, leader: string }} link @param {Map<string, VoteWatch>} watches by acceptor */
function slow(network, { acceptor, leader }, watches) {
  const watch = watches.get(acceptor) ?? new VoteWatch();
  watches.set(acceptor, watch);
  for (const [from, to] of [
    [leader, acceptor],
    [acceptor, leader],
  ]) {
    network.limit(String(from), String(to), bytesPerSecond);
    network.delay(String(from), String(to), delayMs);
  }
  network.watch(leader, acceptor, (connection, bytes) => watch.sent(acceptor, connection, bytes));
  network.watch(acceptor, leader, (connection, bytes) => watch.answered(acceptor, connection, bytes));
}

/**
 * The shares of first copies in what the links could carry and in what they did, on the acceptor where they are least.
 * @param {{ watches: Map<string, VoteWatch>, seconds: number, calls: Calls }} options
 */
async function measure({ watches, seconds, calls }) {
  const all = [...watches.values()];
  const before = all.map(({ carried, first, copies }) => ({ carried, first, copies }));
  const doneBefore = calls.done;
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const passed = (performance.now() - startedAt) / 1_000;
  const shares = all.map((watch, index) => {
    const at = before[index] ?? watch;
    const first = watch.first - at.first;
    return {
      ofLink: first / (bytesPerSecond * passed),
      ofCarried: first / (watch.carried - at.carried),
      copies: watch.copies - at.copies,
    };
  });
  return {
    ofLink: Math.min(...shares.map(({ ofLink }) => ofLink)),
    ofCarried: Math.min(...shares.map(({ ofCarried }) => ofCarried)),
    copiedBytes: Math.max(...shares.map(({ copies }) => copies)),
    putsPerSecond: (calls.done - doneBefore) / passed,
  };
}

/** Puts, so many outstanding at any time. */
class Calls {
  done = 0;
  failed = 0;
  over = false;
  /** @type {{ Put(request: { key: string, value: Uint8Array }): Promise<object> }} */ #service;
  #value;
  /** @type {Promise<void>[]} */ #running = [];

  /** @param {import("@synod/client").Client} client @param {Uint8Array} value */
  constructor(client, value) {
    this.#service = client.service("synod.kv.v1.KeyValue");
    this.#value = value;
  }

  /** @param {number} outstanding */
  start(outstanding) {
    this.#running = Array.from({ length: outstanding }, (_, index) => this.#run(`key-${index}`));
  }

  /** What is outstanding is waited for. */
  async stop() {
    this.over = true;
    await Promise.all(this.#running);
  }

  /** @param {string} key */
  async #run(key) {
    while (!this.over) {
      try {
        await this.#service.Put({ key, value: this.#value });
        this.done++;
      } catch {
        if (!this.over) this.failed++;
      }
    }
  }
}

// Nine processes under load while faults of every kind befall them, two at a time, and what came of it: the history of all
// calls goes to the checker, and the replicas are compared.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { check, readHistory } from "@synod/history";
import { FakedClocks } from "../acceptance/support/faked-clocks.mjs";
import { faketimeLibrary, forgetFakedDead } from "../acceptance/support/faketime.mjs";
import { random } from "../acceptance/support/flags.mjs";
import { equalReplicas } from "../acceptance/support/load.mjs";
import { missing } from "../acceptance/support/needs.mjs";
import { Processes } from "../acceptance/support/processes.mjs";
import { Clients } from "./clients.mjs";
import { faking, kinds, tracing } from "./faults.mjs";
import { Network } from "./network.mjs";
import { Victims } from "./victims.mjs";

/** @typedef {import("./faults.mjs").World} World */

/** Faults at a time, and at most how long between two of them. */
const lanes = 2;
const restMs = 400;
/** A slow machine is waited for no longer. */
const longestSeconds = 120;
const tellEveryMs = 10_000;

/**
 * @typedef {object} ChaosOptions
 * @property {number} seconds
 * @property {number} [leastAcknowledged] goes on beyond `seconds` until so many calls were acknowledged, for `longestSeconds` at most
 * @property {number} seed
 * @property {string} [history] a file that stays; a temporary one unless given
 * @property {number} [ratePerSecond] of calls, at most
 * @property {boolean} [hides] a planted fault of a client: it hides acknowledged writes
 * @property {string} [folder] a copy of the repository, with a fault, whose services are to run
 * @property {(line: string) => void} progress
 */

/** @param {ChaosOptions} options */
export async function chaos(options) {
  const { seed, seconds, leastAcknowledged = 0, progress, folder } = options;
  const { chosen, leftOut } = kindsHere(folder !== undefined);
  progress(`seed ${seed}: ${seconds} s of ${chosen.join(", ")}${leftOut ? `; left out: ${leftOut}` : ""}`);
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-chaos-"));
  const history = options.history ?? path.join(scratch, "history.jsonl");
  const processes = await Processes.prepare();
  const network = await Network.between(processes);
  const draw = random(seed);
  const library = chosen.some((kind) => faking.includes(kind)) ? faketimeLibrary() : undefined;
  /** @type {World} */
  const world = {
    processes,
    network,
    clocks: library === undefined ? undefined : new FakedClocks(processes, library),
    start: (id) => processes.start(id, folder === undefined ? undefined : { folder }),
    draw,
  };
  /** @type {Clients | undefined} */
  let clients;
  try {
    for (const { id } of processes.plan.members) world.start(id);
    await processes.ready();
    const { ratePerSecond = 1_000, hides = false } = options;
    const calling = new Clients(processes.replicas, { history, seed, ratePerSecond, hides });
    clients = calling;
    const enough = (/** @type {number} */ elapsed) =>
      elapsed >= seconds && (calling.acknowledged >= leastAcknowledged || elapsed >= longestSeconds);
    const counts = await befall(world, chosen, enough, calling, progress);
    const share = clients.progress;
    await clients.calm();
    await processes.ready();
    await clients.finish();
    const { equal, states } = await equalReplicas(processes);
    const checkedAt = performance.now();
    const verdict = check(readHistory(readFileSync(history, "utf8")));
    return {
      verdict,
      equal,
      figures: {
        seed,
        ...(leftOut === undefined ? {} : { leftOut }),
        faults: counts,
        acknowledged: clients.acknowledged,
        shareOfSecondsWithProgress: Number(share.toFixed(3)),
        replicasEqual: equal,
        ...(equal ? {} : { states }),
        verdict: verdict.verdict,
        operations: verdict.operations,
        withoutAnswer: verdict.unknown,
        partitions: verdict.partitions,
        largestPartition: verdict.largestPartition,
        checkedInMs: Math.round(performance.now() - checkedAt),
      },
      share,
      counts,
      acknowledged: clients.acknowledged,
    };
  } catch (error) {
    processes.keep();
    progress(`the directory stays: ${processes.plan.directory}`);
    throw error;
  } finally {
    clients?.kill();
    await processes.end();
    forgetFakedDead();
    await network.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What this machine allows. @param {boolean} fromCopy such processes have no clocks of their own */
function kindsHere(fromCopy) {
  const lacks = [missing("strace"), missing("faketime")];
  const leftOut = lacks.filter((lack) => lack !== undefined).join("; ");
  const without = [
    ...(lacks[0] === undefined ? [] : tracing),
    ...(lacks[1] === undefined && !fromCopy ? [] : faking),
  ];
  const chosen = Object.keys(kinds).filter((kind) => !without.includes(kind));
  return { chosen, leftOut: leftOut === "" ? undefined : leftOut };
}

/**
 * How often each kind happened.
 * @param {World} world @param {string[]} chosen @param {(elapsed: number) => boolean} enough @param {Clients} clients
 * @param {(line: string) => void} progress
 */
async function befall(world, chosen, enough, clients, progress) {
  const victims = new Victims(world.processes.plan.members, world.draw);
  /** @type {Record<string, number>} */
  const counts = Object.fromEntries(chosen.map((kind) => [kind, 0]));
  /** The kinds that come next, in an order of chance. @type {string[]} */
  let next = [];
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1_000;
  const telling = setInterval(() => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const share = Math.round(clients.progress * 100);
    progress(
      `${Math.round(elapsed())} s: ${clients.acknowledged} acknowledged, ${share} % of the seconds, ${total} faults`,
    );
  }, tellEveryMs);
  let over = false;
  const lane = async () => {
    while (!over && !enough(elapsed())) {
      if (next.length === 0) next = shuffled(chosen, world.draw);
      const name = /** @type {string} */ (next.pop());
      const kind = /** @type {import("./faults.mjs").Kind} */ (kinds[name]);
      const victim = kind.roles.length === 0 ? "" : victims.take(kind.roles);
      // All of these roles that may be taken are: it comes later.
      if (victim === undefined) next.unshift(name);
      else {
        const what = await kind.strike(world, victim);
        if (victim !== "") victims.giveBack(victim);
        counts[name] = (counts[name] ?? 0) + 1;
        progress(`${elapsed().toFixed(1)} s: ${name}: ${what}`);
      }
      await new Promise((resolve) => setTimeout(resolve, world.draw() * restMs));
    }
  };
  try {
    const running = Array.from({ length: lanes }, () =>
      lane().finally(() => {
        over = true;
      }),
    );
    // If one fails, nothing is started any more by the others when it is told.
    await Promise.allSettled(running);
    await Promise.all(running);
  } finally {
    clearInterval(telling);
  }
  return counts;
}

/** @template T @param {readonly T[]} items @param {() => number} draw */
function shuffled(items, draw) {
  return items
    .map((item) => ({ item, at: draw() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

// What goes wrong, one kind at a time: each begins, lasts for a while, and is mended again.
import { randomBelow } from "@synod/core";
import { until } from "../acceptance/support/processes.mjs";
import { lastWords } from "../acceptance/support/vote-judge.mjs";
import { lastLines } from "../acceptance/support/words.mjs";
import { fullDisk, slowDisk } from "./disks.mjs";

/**
 * @typedef {import("@synod/cli").RoleName} Role
 * @typedef {import("../acceptance/support/processes.mjs").Processes} Processes
 * @typedef {object} World
 * @property {Processes} processes
 * @property {import("./network.mjs").Network} network
 * @property {import("../acceptance/support/faked-clocks.mjs").FakedClocks | undefined} clocks
 * @property {(id: string) => void} start
 * @property {() => number} draw
 * @typedef {object} Kind
 * @property {readonly Role[]} roles whom it may befall; nobody in particular when empty
 * @property {(world: World, victim: string) => Promise<string>} strike from beginning to end; what was done, in words
 */

const everybody = /** @type {const} */ (["acceptor", "leader", "replica"]);
const withDisks = /** @type {const} */ (["acceptor", "replica"]);
const writeFailed = 7;
const hourSeconds = 3_600;

/** @type {Record<string, Kind>} */
export const kinds = {
  "killed and started again": { roles: everybody, strike: killed },
  "stopped and continued": { roles: everybody, strike: stopped },
  "cut off": { roles: everybody, strike: (world, victim) => cut(world, victim, ["from", "to"]) },
  "cut off one way": {
    roles: everybody,
    strike: (world, victim) => cut(world, victim, [world.draw() < 0.5 ? "from" : "to"]),
  },
  "slow connections": { roles: everybody, strike: delayed },
  "slow disk": { roles: withDisks, strike: slow },
  "full disk": { roles: withDisks, strike: full },
  "wall clocks jump": { roles: [], strike: jump },
};

/** Kinds for which strace is needed, and that for which faketime is. */
export const tracing = ["slow disk", "full disk"];
export const faking = ["wall clocks jump"];

/** A random time, for how long something lasts. @param {World} world @param {number} fromMs @param {number} toMs */
async function last({ draw }, fromMs, toMs) {
  const ms = fromMs + randomBelow(draw, toMs - fromMs);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ms;
}

/** @param {World} world @param {string} victim */
async function killed(world, victim) {
  await world.processes.kill(victim);
  const ms = await last(world, 50, 1_500);
  world.start(victim);
  await world.processes.ready([victim]);
  return `${victim} killed, started after ${ms} ms`;
}

/** @param {World} world @param {string} victim */
async function stopped(world, victim) {
  world.processes.signal(victim, "SIGSTOP");
  const ms = await last(world, 300, 3_000);
  world.processes.signal(victim, "SIGCONT");
  return `${victim} stopped for ${ms} ms`;
}

/** From everybody, or from some of the others. @param {World} world @param {string} victim @param {("from" | "to")[]} directions */
async function cut(world, victim, directions) {
  const others = someOthers(world, victim);
  /** @param {boolean} held */
  const hold = (held) => {
    for (const other of others) {
      if (directions.includes("from")) world.network.hold(victim, other, held);
      if (directions.includes("to")) world.network.hold(other, victim, held);
    }
  };
  hold(true);
  const ms = await last(world, 500, 3_000);
  hold(false);
  return `nothing ${directions.join(" or ")} ${victim} for ${others.join(" ")}, ${ms} ms`;
}

/** @param {World} world @param {string} victim */
async function delayed(world, victim) {
  const others = someOthers(world, victim);
  const byMs = 20 + randomBelow(world.draw, 400);
  /** @param {number} ms */
  const delay = (ms) => {
    for (const other of others) {
      world.network.delay(victim, other, ms);
      world.network.delay(other, victim, ms);
    }
  };
  delay(byMs);
  const ms = await last(world, 500, 3_000);
  delay(0);
  return `${victim} and ${others.join(" ")} ${byMs} ms apart for ${ms} ms`;
}

/** All of them as often as some. @param {World} world @param {string} victim */
function someOthers({ processes, draw }, victim) {
  const others = processes.plan.members.map(({ id }) => id).filter((id) => id !== victim);
  const some = others.filter(() => draw() < 0.4);
  return draw() < 0.5 || some.length === 0 ? others : some;
}

/** @param {World} world @param {string} victim */
async function slow(world, victim) {
  const byMs = 20 + randomBelow(world.draw, 300);
  const over = await slowDisk(world.processes.child(victim).pid, byMs);
  const ms = await last(world, 500, 3_000);
  await over();
  return `${victim} syncs ${byMs} ms more slowly for ${ms} ms`;
}

/** The process ends by itself, with the code for it. @param {World} world @param {string} victim */
async function full(world, victim) {
  const child = world.processes.child(victim);
  const over = await fullDisk(child.pid);
  try {
    await until(`${victim} to notice its full disk`, () => !child.running);
  } finally {
    await over();
  }
  const { code, signal } = await child.ended;
  const words = lastLines(world.processes.member(victim).log, 5).join("\n");
  // lmdb 3.5.6 tells of a failed write in 100 bytes of its heap, which can be too few: then that ends the process, after
  // our own words or before them. Its own come first in any case.
  const told = words.includes(lastWords) || words.includes("Write error: No space left on device");
  if (code !== writeFailed && !(signal === "SIGABRT" && told))
    throw new Error(
      `${victim}: expected exit code ${writeFailed} on a full disk, found ${code ?? signal}: ${words}`,
    );
  await last(world, 50, 1_000);
  world.start(victim);
  await world.processes.ready([victim]);
  return `${victim} had a full disk`;
}

/** Of some members, an hour or less either way, until the next jump. @param {World} world */
async function jump({ processes, clocks, draw }) {
  const all = processes.plan.members.map(({ id }) => id);
  const some = draw() < 0.3 ? all : all.filter(() => draw() < 0.4);
  for (const id of some) clocks?.jump([id], randomBelow(draw, 2 * hourSeconds) - hourSeconds);
  return `clocks of ${some.length} members jumped`;
}

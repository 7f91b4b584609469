// Acceptors that have forgotten (rule 5): one with a new store under its old name, and one with an old copy of its own.
import { cpSync, rmSync } from "node:fs";
import path from "node:path";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { runService, synod } from "./support/one-service.mjs";
import { Processes, until } from "./support/processes.mjs";
import { lastLines } from "./support/words.mjs";

export const name = "amnesia";
export const promise =
  "a new store under an old name never votes, however long the cluster stands still for it; a rolled-back one is named";

const noAnswer = -1;

/** @param {import("./run.mjs").Options} options `--seconds N` of standing still */
export async function run({ parameters, progress }) {
  const seconds = flagNumber(parameters, "--seconds", 30);
  const commands = seconds < 30 ? 500 : 5_000;
  const processes = await Processes.start();
  const load = new Load(processes.replicas, { deadlineMs: 120_000 });
  try {
    await load.more(commands / 5);
    const newStore = await withNewStore(processes, load, seconds);
    progress(`a new store: ${JSON.stringify(newStore)}`);
    const oldCopy = await withOldCopy(processes);
    progress(`an old copy: ${JSON.stringify(oldCopy)}`);
    await load.more(Math.max(0, commands - load.acknowledged.size));
    await load.stop();
    const verified = await verify(processes.replicas, load);
    const { equal } = await equalReplicas(processes);
    const right = verified.lost === 0 && verified.doubled === 0 && equal;
    return {
      holds: right && newStore.right && oldCopy.right,
      figures: { ...verified, replicasEqual: equal, newStore, oldCopy },
    };
  } finally {
    load.kill();
    await processes.end();
  }
}

/**
 * What becomes of an acceptor that comes with a new store under its old name, while the cluster needs its vote.
 * @param {Processes} processes @param {Load} load @param {number} seconds of standing still for it
 */
export async function withNewStore(processes, load, seconds) {
  const { data } = processes.member("a1");
  const aside = `${data}.aside`;
  await processes.kill("a1");
  cpSync(data, aside, { recursive: true, filter: (file) => !file.endsWith(".sock") });
  rmSync(data, { recursive: true });
  await runService("acceptor", ["init", "--data", data, "--id", "a1"]);
  processes.start("a1");
  await until("the new store to answer", async () => (await processes.status("a1")) !== undefined);
  await load.more(100); // with the other two
  await processes.kill("a2");
  // What was decided when a2 died may still be on its way to clients.
  await standsStill(processes);
  const acknowledged = load.acknowledged.size;
  const slots = await slotsOut(processes);
  // The one wait here that is for time itself: that nothing happens cannot be waited for otherwise.
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const answers = (await processes.status("a1")) !== undefined;
  const acknowledgedMeanwhile = load.acknowledged.size - acknowledged;
  const slotsAfter = await slotsOut(processes);
  const decidedMeanwhile = Math.max(...slotsAfter) - Math.max(...slots);
  processes.start("a2");
  await load.more(500);
  // The old directory again, as a person would mend it.
  await processes.kill("a1");
  rmSync(data, { recursive: true });
  cpSync(aside, data, { recursive: true });
  processes.start("a1");
  await processes.ready();
  const right = answers && acknowledgedMeanwhile === 0 && decidedMeanwhile === 0;
  return { right, seconds, answers, acknowledgedMeanwhile, decidedMeanwhile, slots: Math.max(...slots) };
}

/** Every replica's and leader's slot_out; a slot below it is known to be decided. @param {Processes} processes */
async function slotsOut(processes) {
  const ids = [...processes.ids("replica"), ...processes.ids("leader")];
  const states = await Promise.all(ids.map((id) => processes.status(id, 5_000)));
  return states.map((status) => (status && "slotOut" in status.state ? status.state.slotOut : noAnswer));
}

/**
 * Waits until all replicas and leaders agree on what is decided. If they do not, something is decided still, and the
 * figures say so.
 * @param {Processes} processes
 */
async function standsStill(processes) {
  const agreed = async () => {
    const slots = await slotsOut(processes);
    return new Set(slots).size === 1 && slots[0] !== noAnswer;
  };
  await until("everybody to know what was decided", agreed, 10_000).catch(() => {});
}

/** What is said of an acceptor that comes with an old copy of its store. @param {Processes} processes */
export async function withOldCopy(processes) {
  const { data } = processes.member("a1");
  const copy = `${data}.copy`;
  await processes.kill("a1");
  cpSync(data, copy, { recursive: true, filter: (file) => !file.endsWith(".sock") });
  // Two starts that the copy does not know of, seen by every leader.
  for (let start = 0; start < 2; start++) {
    processes.start("a1");
    await reached(processes);
    await processes.kill("a1");
  }
  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  processes.start("a1");
  await reached(processes);
  const problems = await problemsWithA1(processes);
  const named = problems.filter((problem) => /rolled back/.test(problem)).length;
  const logged = processes
    .ids("leader")
    .filter((id) =>
      lastLines(processes.member(id).log, 200).some((line) => /"acceptor":"a1".*rolled back/.test(line)),
    ).length;
  // On a busy machine a status may come before a leader's answer did.
  const inStatus = await until("status to name it", async () => {
    const { stdout } = await synod(["status", "--replica", processes.address("r1")], path.dirname(data));
    return /a1 counted, but .*rolled back/.test(stdout);
  }).then(
    () => true,
    () => false,
  );
  const leaders = processes.ids("leader").length;
  return {
    right: named === leaders && logged === leaders && inStatus,
    leadersThatNameIt: named,
    leadersThatLoggedIt: logged,
    inStatus,
    says: problems[0],
  };
}

/** Waits until every leader is connected to a1. @param {Processes} processes */
async function reached(processes) {
  await until("every leader to reach a1", async () => {
    const connected = await Promise.all(processes.ids("leader").map((id) => viewOfA1(processes, id)));
    return connected.every((view) => view?.connected);
  });
}

/** @param {Processes} processes */
async function problemsWithA1(processes) {
  const views = await Promise.all(processes.ids("leader").map((id) => viewOfA1(processes, id)));
  return views.map((view) => view?.problem ?? "");
}

/** @param {Processes} processes @param {string} leader */
async function viewOfA1(processes, leader) {
  return (await processes.status(leader))?.peers.find(({ role, id }) => role === "acceptor" && id === "a1");
}

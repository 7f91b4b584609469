// A cluster goes from version 1 of a user's service to version 2 while commands come in, one replica after the other; and a
// replica that was left behind stops before the switch.
import { setTimeout as pause } from "node:timers/promises";
import { switchVersion } from "@synod/cli";
import { equalReplicas, Load, lists } from "./support/load.mjs";
import { until } from "./support/processes.mjs";
import { healthOf, ServiceCluster } from "./support/service-cluster.mjs";

export const name = "versions";
export const promise =
  "a service goes from version 1 to 2 under load, no sooner than every replica offers it; one that lacks it stops before";

/** @type {import("./support/service-cluster.mjs").OwnService} */
const tally = { name: "tally.v1.Tally", folder: "versions", module: "first.mjs" };
const switchWithinMs = 10_000;
/** It executes everything again, beside the load. */
const backWithinMs = 180_000;
const unavailable = 14;
const unimplemented = 12;

/** @typedef {(right: boolean, problem: string) => void} Expect */

/** @param {{ parameters: string[], progress: (line: string) => void }} options `--commands N` for a shorter run */
export async function run({ parameters, progress }) {
  const index = parameters.indexOf("--commands");
  const perStage = Math.ceil(Number(index === -1 ? 6_000 : parameters[index + 1]) / 6);
  const cluster = await ServiceCluster.start(tally);
  const load = new Load(cluster.processes.replicas, { tally: cluster.descriptors });
  /** @type {string[]} */
  const problems = [];
  /** @type {Expect} */
  const expect = (right, problem) => {
    if (!right) problems.push(problem);
  };
  try {
    await load.more(perStage);
    await noClear(cluster, expect);
    const refusals = await replaceBuilds({ cluster, load, perStage, expect, progress });
    const slot = await switchTo(cluster, 2);
    progress(`version 2 is in force after slot ${slot}`);
    await load.more(perStage);
    const behind = await leftBehind({ cluster, load, perStage, expect, progress });
    await load.stop();
    const counted = await verify(cluster, load, expect);
    const { equal, states } = await equalReplicas(cluster.processes);
    expect(equal, `the replicas differ: ${states.join(", ")}`);
    for (const problem of problems) progress(problem);
    return {
      holds: problems.length === 0,
      figures: { ...counted, switchedAfterSlot: slot, refusals, leftBehind: behind, problems },
    };
  } finally {
    load.kill();
    await cluster.end();
  }
}

/** @param {ServiceCluster} cluster @param {number} version */
function switchTo(cluster, version) {
  return switchVersion(cluster.processes.address("r1"), tally.name, version, switchWithinMs);
}

/** What came with version 2 is not there before, whichever build a replica has. @param {ServiceCluster} cluster @param {Expect} expect */
async function noClear(cluster, expect) {
  const clientId = await cluster.openSession();
  const answers = await Promise.all(
    cluster.replicas.map((id) => cluster.execute(id, "Clear", { list: "none" }, { clientId, sequence: 1 })),
  );
  for (const { code, message } of answers)
    expect(code === unimplemented, `Clear under version 1: ${code} ${message}`);
}

/**
 * One replica after the other is started with the new build. Until the last has said so, no switch.
 * @param {{ cluster: ServiceCluster, load: Load, perStage: number, expect: Expect, progress: (line: string) => void }} stage
 * @returns {Promise<string[]>} why a switch was refused
 */
async function replaceBuilds({ cluster, load, perStage, expect, progress }) {
  const refusals = [];
  for (const id of cluster.replicas) {
    const refusal = await switchTo(cluster, 2).then(
      () => "",
      (/** @type {Error} */ error) => error.message,
    );
    progress(`before ${id} has the new build: ${refusal}`);
    expect(
      refusal.startsWith("FAILED_PRECONDITION") && refusal.includes(`${id} offers version 1`),
      `a switch while ${id} has the old build: "${refusal}"`,
    );
    refusals.push(refusal);
    await cluster.processes.kill(id);
    cluster.load(id, "second.mjs");
    cluster.processes.start(id);
    await cluster.processes.ready([id]);
    await load.more(perStage);
  }
  await noClear(cluster, expect);
  return refusals;
}

/**
 * A replica comes back with the old build from before the switch: it goes as far as it can, and says why no further.
 * @param {{ cluster: ServiceCluster, load: Load, perStage: number, expect: Expect, progress: (line: string) => void }} stage
 */
async function leftBehind({ cluster, load, perStage, expect, progress }) {
  const { processes } = cluster;
  await processes.kill("r3");
  processes.loseData("r3");
  cluster.load("r3", "first.mjs");
  processes.start("r3");
  await until(
    "r3 to say that it cannot go on",
    async () => Boolean((await processes.status("r3"))?.problem.startsWith("stopped before slot")),
    backWithinMs,
  );
  const status = await processes.status("r3");
  const said = status?.problem ?? "";
  progress(`r3: ${said}`);
  expect(
    said.includes(`version 2 of ${tally.name} is in force there, and this replica offers version 1`),
    `r3 says "${said}"`,
  );
  const slotOut = status?.state.role === "replica" ? status.state.slotOut : 0;
  expect(said.startsWith(`stopped before slot ${slotOut}:`), `r3 is at slot ${slotOut} and says "${said}"`);
  await until("health of r3", async () => (await healthOf(cluster, "r3", tally.name)) === "NOT_SERVING");
  const clientId = await cluster.openSession();
  const refused = await cluster.execute("r3", "Note", { list: "none", id: "x" }, { clientId, sequence: 1 });
  expect(
    refused.code === unavailable && refused.message.includes("offers version 1"),
    `r3: ${refused.message}`,
  );
  await load.more(perStage);
  // Long enough for it to go on, if it did.
  await pause(500);
  const later = await processes.status("r3");
  expect(later?.state.role === "replica" && later.state.slotOut === slotOut, "r3 applied another slot");
  await processes.kill("r3");
  cluster.load("r3", "second.mjs");
  processes.start("r3");
  await processes.ready(["r3"], backWithinMs);
  await load.more(perStage);
  return said;
}

/**
 * Every acknowledged id is noted once, and in every list all of version 1 come before all of version 2.
 * @param {ServiceCluster} cluster @param {Load} load @param {Expect} expect
 */
async function verify(cluster, load, expect) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  const byVersion = { 1: 0, 2: 0 };
  const clientId = await cluster.openSession();
  for (let list = 0; list < lists; list++) {
    const answer = await cluster.execute(
      "r2",
      "Show",
      { list: `list-${list}` },
      { clientId, sequence: list + 1 },
    );
    const { notes } = /** @type {{ notes: string[] }} */ (cluster.decoded("Show", answer));
    const versions = notes.map((note) => Number(note.split(":")[0]));
    expect(
      versions.every((version, at) => at === 0 || version >= Number(versions[at - 1])),
      `list-${list} goes back to version 1`,
    );
    for (const note of notes) {
      const id = note.slice(note.indexOf(":") + 1);
      seen.set(id, (seen.get(id) ?? 0) + 1);
      byVersion[note.startsWith("1:") ? 1 : 2] += 1;
    }
  }
  const lost = [...load.acknowledged].filter((id) => !seen.has(id)).length;
  const doubled = [...seen.values()].filter((count) => count > 1).length;
  expect(lost === 0 && doubled === 0, `${lost} lost, ${doubled} doubled`);
  expect(byVersion[1] > 0 && byVersion[2] > 0, "one of the versions noted nothing");
  expect(load.failed.size === 0, `failed: ${[...new Set(load.failed.values())].slice(0, 3).join("; ")}`);
  return { acknowledged: load.acknowledged.size, lost, doubled, failed: load.failed.size, byVersion };
}

// A service of somebody's own goes through three versions under load: a field more in its rows, a field with another name, and
// another index. Meanwhile one replica is down, one comes back without its directory, and one runs on a newer Node.
import { switchVersion } from "@synod/cli";
import { equalReplicas, Load, lists } from "./support/load.mjs";
import { OtherNodes } from "./support/other-nodes.mjs";
import { until } from "./support/processes.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "upgrade";
export const promise =
  "a service goes through three versions under load, with a replica down, one emptied and one on a newer Node; " +
  "each wrong order is refused, and two that differ stop until a third judges them";

/** @type {import("./support/service-cluster.mjs").OwnService} */
const notes = { name: "notes.v1.Notes", folder: "upgrade", module: "first.mjs" };
const switchWithinMs = 10_000;
const backWithinMs = 120_000;
/** Answers otherwise than the others do. */
const planted = {
  from: "return { version: context.version };",
  to: "return { version: context.version + 1 };",
};

/**
 * @typedef {object} Stage
 * @property {ServiceCluster} cluster
 * @property {Load} load
 * @property {number} perStage commands acknowledged in each part
 * @property {(right: boolean, problem: string) => void} expect
 * @property {(line: string) => void} progress
 * @property {string[]} refusals
 */

/** @param {{ parameters: string[], progress: (line: string) => void }} options `--commands N` for a shorter run, `--nodes 24,26` */
export async function run({ parameters, progress }) {
  const option = (/** @type {string} */ flag, /** @type {string} */ otherwise) =>
    parameters.includes(flag) ? (parameters[parameters.indexOf(flag) + 1] ?? "") : otherwise;
  const perStage = Math.ceil(Number(option("--commands", "6000")) / 8);
  const versions = option("--nodes", "24,26").split(",").filter(Boolean).map(Number);
  const nodes = new OtherNodes();
  const cluster = await ServiceCluster.start(notes);
  const load = new Load(cluster.processes.replicas, { tally: cluster.descriptors });
  /** @type {string[]} */
  const problems = [];
  /** @type {Stage} */
  const stage = {
    ...{ cluster, load, perStage, progress, refusals: [] },
    expect: (right, problem) => void (right || problems.push(problem)),
  };
  try {
    await load.more(perStage);
    await toSecond(stage);
    const onNodes = await toThird(
      stage,
      versions.map((version) => [version, nodes.program(version)]),
    );
    await load.more(perStage);
    await load.stop();
    const counted = await verify(stage);
    const { equal, states } = await equalReplicas(cluster.processes);
    stage.expect(equal, `the replicas differ: ${states.join(", ")}`);
    const judged = await twoThatDiffer(stage);
    for (const problem of problems) progress(problem);
    return {
      holds: problems.length === 0,
      figures: { ...counted, refusals: stage.refusals, onNodes, judged, problems },
    };
  } finally {
    load.kill();
    await cluster.end();
    nodes.remove();
  }
}

/** @param {Stage} stage @param {number} version */
async function switched({ cluster, progress }, version) {
  const slot = await switchVersion(cluster.processes.address("r1"), notes.name, version, switchWithinMs);
  progress(`version ${version} is in force after slot ${slot}`);
}

/** A step in the wrong order is refused, and says what comes first. @param {Stage} stage @param {number} version @param {RegExp} words */
async function refused({ cluster, expect, progress, refusals }, version, words) {
  const address = cluster.processes.address("r1");
  let refusal = "";
  // Under the load a switch waits with everything else; who had no answer asks again.
  for (let round = 0; round < 3 && (round === 0 || refusal === "no answer in time"); round++)
    refusal = await switchVersion(address, notes.name, version, switchWithinMs).then(
      () => "",
      (/** @type {Error} */ error) => error.message,
    );
  progress(`version ${version}: ${refusal}`);
  expect(words.test(refusal), `expected a refusal like ${words}, found "${refusal}"`);
  refusals.push(refusal);
}

/**
 * @param {Stage} stage @param {string} id @param {string} module
 * @param {{ empty?: boolean, node?: string | undefined, change?: { from: string, to: string } }} [how]
 */
async function restart({ cluster }, id, module, { empty = false, node, change } = {}) {
  const { processes } = cluster;
  await processes.kill(id);
  if (empty) processes.loseData(id);
  cluster.load(id, module, change);
  processes.start(id, node === undefined ? undefined : { node });
}

/** With one replica down, and one that comes back without its directory. @param {Stage} stage */
async function toSecond(stage) {
  const { processes } = stage.cluster;
  await refused(
    stage,
    2,
    /not offered by every replica: r1 offers version 1; .* start those with a build that offers it/,
  );
  await processes.kill("r3");
  for (const id of ["r1", "r2"]) {
    await restart(stage, id, "second.mjs");
    await processes.ready([id], backWithinMs);
    await stage.load.more(stage.perStage);
  }
  await refused(stage, 2, /not offered by every replica: r3 offers version 1; start those/);
  stage.cluster.load("r3", "second.mjs");
  processes.loseData("r3");
  processes.start("r3");
  await stage.load.moreUntil(processes.ready(["r3"], backWithinMs));
  await switched(stage, 2);
  await stage.load.more(stage.perStage);
  await restart(stage, "r2", "second.mjs", { empty: true });
  await stage.load.moreUntil(processes.ready(["r2"], backWithinMs));
}

/**
 * With a replica on each of these versions of Node in turn.
 * @param {Stage} stage @param {(readonly [number, string])[]} nodes
 */
async function toThird(stage, nodes) {
  const { processes } = stage.cluster;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [version, node] of nodes) {
    await restart(stage, "r1", "third.mjs", { node });
    await stage.load.more(stage.perStage);
    await until(
      `r1 on Node ${version} to say something`,
      async () => {
        const status = await processes.status("r1");
        return status?.serving === true || /the cluster runs on Node/.test(status?.problem ?? "");
      },
      backWithinMs,
    );
    const status = await processes.status("r1");
    found[version] = status?.serving ? "executes alike" : (status?.problem ?? "");
    stage.progress(`r1 on Node ${version}: ${found[version]}`);
  }
  for (const id of processes.ids("replica")) {
    await restart(stage, id, "third.mjs");
    await processes.ready([id], backWithinMs);
    await stage.load.more(stage.perStage);
    if (id === "r1")
      await refused(stage, 3, /not offered by every replica: r2 offers versions 1 to 2; r3 offers/);
  }
  await switched(stage, 3);
  await restart(stage, "r3", "second.mjs");
  await until(
    "r3 to say that it lacks version 3",
    async () =>
      /version 3 of notes\.v1\.Notes is in force there, and this replica offers versions 1 to 2; start it with a build that offers 3/.test(
        (await processes.status("r3"))?.problem ?? "",
      ),
    backWithinMs,
  );
  await restart(stage, "r3", "third.mjs", { empty: true });
  await stage.load.moreUntil(processes.ready(["r3"], backWithinMs));
  return found;
}

/** Every acknowledged id is noted once, in the order of the versions, and known to the index. @param {Stage} stage */
async function verify({ cluster, load, expect }) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  /** @type {Record<number, number>} */
  const byVersion = {};
  const clientId = await cluster.openSession();
  for (let list = 0; list < lists; list++) {
    const asked = { list: `list-${list}` };
    const answer = await cluster.execute("r2", "Show", asked, { clientId, sequence: list + 1 });
    const shown =
      /** @type {{ entries: { name: string, version: number, writer: string }[], indexed: number }} */ (
        cluster.decoded("Show", answer)
      );
    const versions = shown.entries.map(({ version }) => version);
    expect(
      versions.every((version, at) => at === 0 || version >= Number(versions[at - 1])),
      `list-${list} goes back to an earlier version`,
    );
    expect(
      shown.indexed === shown.entries.length,
      `list-${list}: ${shown.indexed} of ${versions.length} indexed`,
    );
    for (const { name: id, version, writer } of shown.entries) {
      seen.set(id, (seen.get(id) ?? 0) + 1);
      byVersion[version] = (byVersion[version] ?? 0) + 1;
      expect((writer === "second") === version > 1, `${id} of version ${version} has writer "${writer}"`);
    }
  }
  const lost = [...load.acknowledged].filter((id) => !seen.has(id)).length;
  const doubled = [...seen.values()].filter((count) => count > 1).length;
  expect(lost === 0 && doubled === 0, `${lost} lost, ${doubled} doubled`);
  expect(
    [1, 2, 3].every((version) => byVersion[version]),
    `one version noted nothing: ${JSON.stringify(byVersion)}`,
  );
  return { acknowledged: load.acknowledged.size, lost, doubled, failed: load.failed.size, byVersion };
}

/** r2 answers otherwise while r3 is down: both stop. r3 comes back and judges. @param {Stage} stage */
async function twoThatDiffer(stage) {
  const { cluster, expect, progress } = stage;
  const { processes } = cluster;
  const problem = async (/** @type {string} */ id) => (await processes.status(id))?.problem ?? "";
  await processes.kill("r3");
  await restart(stage, "r2", "third.mjs", { change: planted });
  await processes.ready(["r2"], backWithinMs);
  const clientId = await cluster.openSession();
  await cluster.execute("r1", "Note", { list: "late", id: "last" }, { clientId, sequence: 1 });
  await until("r1 and r2 to stop", async () => {
    const said = await Promise.all(["r1", "r2"].map(problem));
    return said.every((text) => /^stopped: at slot \d+ replicas differ/.test(text));
  });
  const said = await problem("r1");
  progress(said);
  processes.start("r3");
  await until("r3 to judge", async () => /^diverged: at slot/.test(await problem("r2")), backWithinMs);
  await processes.ready(["r1", "r3"], backWithinMs);
  await refused(stage, 3, /r2 differs from the others: .* start it anew in an empty directory/);
  await restart(stage, "r2", "third.mjs", { empty: true });
  await processes.ready(["r2"], backWithinMs);
  const shown = cluster.decoded(
    "Show",
    await cluster.execute("r3", "Show", { list: "late" }, { clientId, sequence: 2 }),
  );
  const { entries } = /** @type {{ entries: { name: string }[] }} */ (shown);
  expect(entries.map(({ name: id }) => id).join() === "last", `the last note: ${JSON.stringify(entries)}`);
  const { equal, states } = await equalReplicas(processes);
  expect(equal, `the replicas differ in the end: ${states.join(", ")}`);
  return said;
}

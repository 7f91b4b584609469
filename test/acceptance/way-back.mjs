// Everything that stops all replicas, and the way on from there by the commands that they name.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, planCluster } from "@synod/cli";
import { metadataKeys } from "@synod/wire";
import { root } from "./support/copy.mjs";
import { Processes, until } from "./support/processes.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "way-back";
export const promise =
  "whatever stops every replica, the commands that they name lead on, with everything that was acknowledged and nothing twice";

/** @type {import("./support/service-cluster.mjs").OwnService} */
const diary = { name: "diary.v1.Diary", folder: "way-back", module: "diary.mjs" };
const newVersion = { from: "version: 1,\n  oldestVersion: 1,", to: "version: 2,\n  oldestVersion: 2," };
const counting = { from: "const counts = false;", to: "const counts = true;" };
const heapMegabytes = 160;
const page = "page";
const outstanding = 16;
const stoppedWithinMs = 120_000;
const goesOnWithinMs = 60_000;

/** @param {{ parameters: string[], progress: (line: string) => void }} options `--commands N` between two defects */
export async function run({ parameters, progress }) {
  const index = parameters.indexOf("--commands");
  const perStage = Number(index === -1 ? 400 : parameters[index + 1]);
  const directory = mkdtempSync(path.join(tmpdir(), "synod-way-back-"));
  const cluster = await ServiceCluster.start(diary);
  /** @type {Stage} */
  const stage = { cluster, writer: new Writer(cluster), perStage, progress, directory };
  /** @type {Record<string, unknown>} */
  const figures = {};
  try {
    await stage.writer.write(perStage);
    figures.loop = await defect(stage, "loop");
    figures.stack = await defect(stage, "stack");
    for (const id of cluster.replicas)
      cluster.processes.environments.set(id, { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` });
    await restartAll(stage);
    await cluster.processes.ready();
    figures.heap = await defect(stage, "heap");
    figures.noBuild = await noBuild(stage);
    figures.differing = await differing(stage);
    const found = Object.values(figures);
    return { holds: found.every((each) => /** @type {any} */ (each).problems.length === 0), figures };
  } finally {
    await cluster.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @typedef {{ cluster: ServiceCluster, writer: Writer, perStage: number, progress: (line: string) => void, directory: string }} Stage
 */

/** Writes ids, and knows which were acknowledged. */
class Writer {
  /** @type {string[]} */ acknowledged = [];
  #cluster;
  #next = 0;

  /** @param {ServiceCluster} cluster */
  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** @param {number} count @param {string} defect */
  async write(count, defect = "") {
    const end = this.#next + count;
    const worker = async () => {
      while (this.#next < end) {
        const id = `${this.#next++}`;
        const replica = this.#cluster.replicas[Number(id) % this.#cluster.replicas.length] ?? "";
        const { code } = await this.#cluster.call(replica, "Write", { page, id, defect }, {});
        if (code === 0) this.acknowledged.push(id);
      }
    };
    await Promise.all(Array.from({ length: outstanding }, worker));
  }

  /** @param {ServiceCluster} cluster @returns {Promise<string[]>} what is wrong with what a cluster has */
  async problems(cluster = this.#cluster) {
    const answer = await cluster.call(cluster.replicas[0] ?? "", "Read", { page }, {});
    if (answer.code !== 0) return [`Read: ${answer.code} ${answer.message}`];
    /** @type {string[]} */
    const ids = /** @type {any} */ (cluster.decoded("Read", answer)).ids ?? [];
    const found = new Set(ids);
    const lost = this.acknowledged.filter((id) => !found.has(id));
    return [
      ...(lost.length > 0 ? [`${lost.length} acknowledged are lost: ${lost.slice(0, 5).join(", ")}`] : []),
      ...(found.size < ids.length ? [`${ids.length - found.size} were written twice`] : []),
    ];
  }
}

/** One call stops every replica; what they say is done. @param {Stage} stage @param {string} kind */
async function defect(stage, kind) {
  const { cluster, writer, perStage, progress } = stage;
  const before = writer.acknowledged.length;
  const writing = writer.write(1, kind);
  const from = performance.now();
  const { said, deaths } = await allStopped(stage);
  await writing;
  const seconds = Math.round((performance.now() - from) / 1000);
  progress(`${kind}: ${said}`);
  const command = named(said);
  const did = await synod(cluster, command);
  progress(did.trim());
  const again = await synod(cluster, command);
  await cluster.processes.ready(cluster.replicas, goesOnWithinMs);
  await writer.write(perStage);
  const problems = await writer.problems();
  if (!again.includes("already")) problems.push(`a second ${command.join(" ")}: ${again}`);
  if (writer.acknowledged.length < before + perStage)
    problems.push("not everything is acknowledged afterwards");
  return {
    deaths,
    stoppedAfterSeconds: seconds,
    command: command.join(" "),
    acknowledged: writer.acknowledged.length,
    problems,
  };
}

/** No build has the version that is in force. @param {Stage} stage */
async function noBuild(stage) {
  const { cluster, writer, perStage, progress } = stage;
  for (const id of cluster.replicas) cluster.load(id, diary.module, newVersion);
  await restartAll(stage);
  const { said } = await allStopped(stage);
  progress(`no build: ${said}`);
  const command = named(said);
  const did = await synod(cluster, command);
  progress(did.trim());
  // One that was behind when it was stopped has nobody's build to go on with.
  const emptied = cluster.replicas.filter((id) => did.includes(`${id} has executed slot`));
  for (const id of emptied) {
    await cluster.processes.kill(id);
    cluster.processes.loseData(id);
    cluster.processes.start(id);
  }
  await cluster.processes.ready(cluster.replicas, goesOnWithinMs);
  const refused = await cluster.call("r1", "Write", { page, id: "refused" }, {});
  const back = ["service", "switch", diary.name, "2"];
  progress((await synod(cluster, back)).trim());
  await writer.write(perStage);
  const problems = await writer.problems();
  if (refused.code !== 12)
    problems.push(`a call of the service that was retired: ${refused.code} ${refused.message}`);
  return {
    commands: [command.join(" "), back.join(" ")],
    emptied,
    acknowledged: writer.acknowledged.length,
    problems,
  };
}

/** Each replica writes something else, so no majority agrees: the state of one goes on in a new cluster. @param {Stage} stage */
async function differing(stage) {
  const { cluster, writer, perStage, progress, directory } = stage;
  for (const id of cluster.replicas) cluster.load(id, diary.module, newVersion, counting);
  await restartAll(stage);
  await cluster.processes.ready(cluster.replicas, goesOnWithinMs);
  // What one replica reads alone it alone counts.
  for (const [reads, id] of cluster.replicas.entries())
    for (let read = 0; read < reads; read++)
      await cluster.call(id, "Read", { page }, { [metadataKeys.read]: "stale" });
  const writing = writer.write(perStage);
  const { said } = await allStopped(stage);
  await writing;
  progress(`differing: ${said}`);
  const file = path.join(directory, "stopped");
  const saved = await synod(cluster, ["snapshot", "save", file, "--stopped"]);
  progress(saved.trim());
  const port = await freePorts(9);
  const data = path.join(directory, "restored");
  const refused = await synod(undefined, ["snapshot", "restore", file, "--data", data, "--port", `${port}`]);
  const restored = await synod(undefined, [
    ...["snapshot", "restore", file, "--from-stopped", "--data", data, "--port", `${port}`],
  ]);
  progress(restored.trim());
  const processes = new Processes(planCluster(data, { acceptors: 3, leaders: 3, replicas: 3 }, port));
  const next = new ServiceCluster(processes, diary);
  try {
    for (const id of next.replicas) next.load(id, diary.module, newVersion);
    for (const { id } of processes.plan.members) processes.start(id);
    await processes.ready();
    const problems = await writer.problems(next);
    if (!refused.includes("--from-stopped")) problems.push(`restored without being asked to: ${refused}`);
    return { acknowledged: writer.acknowledged.length, problems };
  } finally {
    await next.end();
  }
}

/**
 * In good order: what a replica executed and lost with its process only a build with that version can execute again.
 * @param {Stage} stage
 */
async function restartAll({ cluster: { processes, replicas } }) {
  for (const id of replicas) processes.signal(id, "SIGTERM");
  await Promise.all(replicas.map((id) => processes.child(id).ended));
  for (const id of replicas) processes.start(id);
}

/**
 * Waits until every replica says that it has stopped; starts those that end, as a supervisor does.
 * @param {Stage} stage
 */
async function allStopped({ cluster: { processes, replicas } }) {
  let deaths = 0;
  let said = "";
  await until(
    "every replica to stop",
    async () => {
      for (const id of replicas) {
        if (processes.child(id).running) continue;
        deaths++;
        processes.start(id);
      }
      const statuses = await Promise.all(replicas.map((id) => processes.status(id, 300)));
      said = statuses[0]?.problem ?? "";
      // One that has just started asks the others first.
      return statuses.every(
        (status) =>
          status?.state.role === "replica" &&
          status.state.halt !== undefined &&
          status.problem.includes("`synod "),
      );
    },
    stoppedWithinMs,
    200,
  );
  return { said, deaths };
}

/** The command in what a replica says. @param {string} said */
function named(said) {
  const [, command] = /`synod ((?:skip|service retire) [^`]+)`/.exec(said) ?? [];
  if (command === undefined) throw new Error(`expected the command that leads on, found: ${said}`);
  return command.split(" ");
}

/** What a command prints. @param {ServiceCluster | undefined} cluster @param {string[]} words */
async function synod(cluster, words) {
  const bin = path.join(root, "packages/cli/bin/synod.js");
  const replicas = (cluster?.processes.replicas ?? []).flatMap((address) => ["--replica", address]);
  const run = promisify(execFile)(process.execPath, [bin, ...words, ...replicas]);
  return run.then(
    ({ stdout, stderr }) => stdout + stderr,
    (/** @type {{ stdout: string, stderr: string }} */ { stdout, stderr }) => stdout + stderr,
  );
}

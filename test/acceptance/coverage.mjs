// Which lines of what ships are executed by simulated worlds. Where a line is not, no seed can find a defect in it.
import { readdirSync, readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./support/copy.mjs";
import { flagValue } from "./support/flags.mjs";

export const name = "coverage";
export const promise =
  "200 simulated worlds execute 70 % of the lines of node and 80 % of those of storage, client and state machine, but for files that " +
  "only a machine can execute";

/** @type {Record<string, number>} */
const leastPart = { node: 0.7, storage: 0.8, client: 0.8, "state-machine": 0.8 };

/**
 * Files, and folders with a slash, that need connections, processes or files of a machine or are none of what runs, by what they
 * are for.
 * @type {Record<string, Record<string, readonly string[]>>}
 */
const machines = {
  node: {
    "servers and connections": [
      ...["acceptor/acceptor-host", "leader/leader-host", "replica/replica-host"],
      ...["callers", "channel", "dial", "server", "served-cluster"].map((file) => `transport/${file}`),
      ...["catch-up/other-replica", "replica-services", "replicated-services", "slot-remedies"].map(
        (file) => `replica/${file}`,
      ),
    ],
    "a process and what it is configured with": ["configuration/", "process/"],
    "lists of exports": ["index", "parts"],
  },
  storage: {
    "lmdb and files": [
      ...[
        "environment",
        "execution-marker",
        "lmdb-acceptor-store",
        "lmdb-check",
        "lmdb-file",
        "lmdb-replica-disk",
      ],
      ...["lmdb-replica-store", "lmdb-states", "ownership", "preflight", "scrub", "sealed-rows", "seal"],
      ...["acceptor-record", "replica-record", "bytes", "damage"],
    ],
    "lists of exports": ["index"],
  },
  client: {
    "connections to replicas": ["connect", "replica-port", "meant-cluster"],
    "plain objects for messages": ["typed"],
    "lists of exports": ["index"],
  },
  "state-machine": {
    "what is bundled into a realm, and is no file any more there": ["realm/inside/"],
    "what users test their services with": ["testing/"],
    "generated code": ["gen/"],
    "lists of exports": ["index"],
  },
};

/** @param {import("./run.mjs").Options} options `--seeds A-B` */
export async function run({ parameters, progress }) {
  const [first = 1, last = first] = (flagValue(parameters, "--seeds") ?? "1-200").split("-").map(Number);
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  // Loaded here: what a module does while it is loaded counts as well.
  const { simulate } = await import("@synod/simulator");
  for (let seed = first; seed <= last; seed++) {
    await simulate(seed);
    if ((seed - first) % 20 === 19) progress(`${seed - first + 1} of ${last - first + 1} seeds`);
  }
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const covered = new Map(
    result
      .filter(({ url }) => url.startsWith("file:"))
      .map(({ url, functions }) => [fileURLToPath(url), functions]),
  );
  /** @type {Record<string, unknown>} */
  const figures = { seeds: last - first + 1 };
  let holds = true;
  for (const [name, least] of Object.entries(leastPart)) {
    const files = filesOf(name, covered);
    const part = partOf(files);
    holds &&= part >= least;
    figures[name] = {
      part: percent(part),
      least: percent(least),
      leftOut: machines[name],
      files: Object.fromEntries(files.map(({ file, lines, hit }) => [file, `${hit} of ${lines}`])),
    };
  }
  return { holds, figures };
}

/** @typedef {import("node:inspector").Profiler.FunctionCoverage} FunctionCoverage */

/** @param {string} name @param {ReadonlyMap<string, FunctionCoverage[]>} covered */
function filesOf(name, covered) {
  const folder = path.join(root, "packages", name, "dist");
  const leftOut = Object.values(machines[name] ?? {}).flat();
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js"))
    .filter(
      (file) => !leftOut.some((out) => file === `${out}.js` || (out.endsWith("/") && file.startsWith(out))),
    )
    .sort()
    .map((file) => ({ file, ...linesOf(path.join(folder, file), covered) }));
}

/** Lines that say something, and those of them of which a part was executed. @param {string} file @param {ReadonlyMap<string, FunctionCoverage[]>} covered */
function linesOf(file, covered) {
  const text = readFileSync(file, "utf8");
  const executed = executedIn(text, covered.get(file));
  let lines = 0;
  let hit = 0;
  let at = 0;
  for (const line of text.split("\n")) {
    const said = line.search(/\S/);
    if (said !== -1 && !/^[\s{}()[\];,]*$|^\s*(\/\/|\/\*|\*|import |export )/.test(line)) {
      lines++;
      if (executed[at + said]) hit++;
    }
    at += line.length + 1;
  }
  return { lines, hit };
}

/**
 * Of each character whether it was executed: inner ranges speak against outer ones.
 * @param {string} text @param {FunctionCoverage[] | undefined} functions
 */
function executedIn(text, functions) {
  const executed = new Uint8Array(text.length);
  const ranges = (functions ?? []).flatMap(({ ranges }) => ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges)
    executed.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return executed;
}

/** @param {readonly { lines: number, hit: number }[]} files */
function partOf(files) {
  const sum = (/** @type {"lines" | "hit"} */ key) => files.reduce((total, file) => total + file[key], 0);
  return sum("hit") / Math.max(1, sum("lines"));
}

/** @param {number} part */
function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}

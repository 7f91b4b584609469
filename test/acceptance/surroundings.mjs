// Surroundings of every kind: full, closed, read-only, missing, odd-named, proxied, without a terminal, and signals to wrappers. Each
// is a line of the shell on real processes, with the sentence that it has to say and its exit code.

import { flagValue } from "./support/flags.mjs";
import { missing } from "./support/needs.mjs";
import { Processes } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";
import { commands, generating, quick } from "./support/surroundings/commands.mjs";
import { seen, wrongIn } from "./support/surroundings/row.mjs";
import { starts, wrappers } from "./support/surroundings/starts.mjs";

export const name = "surroundings";
export const promise =
  "outputs, disks, directories, proxies and wrappers of every kind: a sentence and an exit code each, and no process left";

/** @typedef {import("./support/surroundings/row.mjs").Row} Row */

/** @param {import("./run.mjs").Options} options `--only TEXT` takes the situations that hold it, `--quick` those without a cluster */
export async function run({ parameters, progress }) {
  const only = flagValue(parameters, "--only");
  const all = parameters.includes("--quick")
    ? quick
    : [...quick, ...commands, ...generating, ...starts, ...wrappers];
  const rows = all.filter(({ what }) => only === undefined || what.includes(only));
  const processes = rows.some((row) => row.line.includes("$C")) ? await Processes.start(one) : undefined;
  /** @type {Record<string, string>} */
  const wrong = {};
  /** @type {Record<string, string>} */
  const leftOut = {};
  try {
    const running = processes?.address("r1") ?? "";
    if (processes) await callRaw(running, "synod.kv.v1.KeyValue/Put", { key: "a", value: Buffer.from("1") });
    for (const row of rows) {
      const lack = row.needs === undefined ? undefined : missing(...row.needs);
      if (lack !== undefined) {
        leftOut[row.what] = lack;
        progress(`left out: ${row.what}: ${lack}`);
        continue;
      }
      const problem = wrongIn(row, await seen(row, running));
      if (problem !== undefined) wrong[row.what] = problem;
      progress(problem === undefined ? `ok     ${row.what}` : `WRONG  ${row.what}: ${problem}`);
    }
  } finally {
    await processes?.end();
  }
  const held = rows.length - Object.keys(wrong).length - Object.keys(leftOut).length;
  return { holds: held > 0 && Object.keys(wrong).length === 0, figures: { held, leftOut, wrong } };
}

const one = { acceptors: 1, leaders: 1, replicas: 1 };

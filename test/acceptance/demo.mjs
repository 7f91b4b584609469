// The classic scenario over nine processes, and the same with a planted difference, which must be noticed.

import { shell } from "./support/clone.mjs";
import { root } from "./support/copy.mjs";

export const name = "demo";
export const promise =
  "five clients, every command to all replicas: executed once, equal everywhere; a planted difference is noticed";

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const flags = parameters.join(" ");
  const demo = `npm run --silent demo -- ${flags} --json`;
  const honest = await shell(demo, root, { withinMs: 120_000 });
  progress(honest.stderr.trimEnd());
  const planted = await shell(`${demo} --plant-difference`, root, { withinMs: 120_000 });
  progress(planted.stderr.trimEnd().split("\n").slice(-6).join("\n"));
  const last = honest.stdout.trimEnd().split("\n").at(-1) ?? "";
  const figures = last.startsWith("{") ? JSON.parse(last) : { printed: last };
  return {
    holds: honest.code === 0 && figures.holds === true && planted.code === 1,
    figures: { ...figures, exitCode: honest.code, exitCodeWithPlantedDifference: planted.code },
  };
}

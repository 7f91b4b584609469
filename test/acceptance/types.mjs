// What must not be written in a replicated service, and who says so: the compiler, or whoever loads or runs it.
import { compiledMisuses, withoutTypes } from "./support/compiled-misuses.mjs";
import { soundService, unseenMisuses } from "./support/unseen-misuses.mjs";

export const name = "types";
export const promise =
  "misuses of replicatedService do not compile; those that a compiler cannot see are caught, and told what to do instead";

const fewestCompiled = 40;
const fewestUnseen = 30;

/** @param {import("./run.mjs").Options} options */
export async function run({ progress }) {
  const compiled = compiledMisuses();
  for (const { what, reason, refusal } of compiled.misuses)
    progress(`${refusal ? "ok" : "COMPILES"} | ${what} | ${reason} | ${refusal ?? ""}`);
  for (const problem of compiled.elsewhere) progress(`ELSEWHERE | ${problem}`);
  const compiles = compiled.misuses.filter(({ refusal }) => !refusal).map(({ reason }) => reason);
  const untyped = compiledMisuses(withoutTypes()).misuses.filter(({ refusal }) => refusal);
  progress(`with a builder that has no types, ${untyped.length} of them are refused`);
  const { counts, otherwise } = await unseen(progress);
  const caught = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    holds:
      compiles.length === 0 &&
      compiled.elsewhere.length === 0 &&
      compiled.misuses.length >= fewestCompiled &&
      untyped.length === 0 &&
      otherwise.length === 0 &&
      caught >= fewestUnseen,
    figures: {
      misusesCompiled: compiled.misuses.length,
      refusedByTheCompiler: compiled.misuses.length - compiles.length,
      compiles,
      refusedWithoutTypes: untyped.length,
      caughtWhereTheCompilerCannotSee: counts,
      otherwise,
    },
  };
}

/** @param {(line: string) => void} progress */
async function unseen(progress) {
  await soundService();
  /** @type {Record<import("./support/unseen-misuses.mjs").UnseenMisuse["caught"], number>} */
  const counts = { load: 0, "run time": 0, determinism: 0 };
  const otherwise = [];
  for (const { what, caught, says, run: misuse } of unseenMisuses()) {
    const message = await messageOf(misuse);
    const right = says.every((words) => words.test(message));
    if (right) counts[caught] += 1;
    else otherwise.push(what);
    progress(`${right ? "ok" : `EXPECTED ${says.join(" and ")}`} | ${caught} | ${what} | ${message}`);
  }
  return { counts, otherwise };
}

/** What somebody who did this reads: of a call that failed, what the replica's log has. @param {() => unknown} misuse */
async function messageOf(misuse) {
  try {
    await misuse();
    return "NOT CAUGHT";
  } catch (error) {
    const { message, cause } = /** @type {Error} */ (error);
    return cause instanceof Error ? cause.message : message;
  }
}

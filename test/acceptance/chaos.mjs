// Real chaos: see test/chaos. Everything that clients saw is linearizable, nothing acknowledged is lost, and replicas agree.
import { chaos } from "../chaos/chaos.mjs";
import { chaosWith, plants } from "../chaos/planted.mjs";
import { flagNumber, seedOf } from "./support/flags.mjs";

export const name = "chaos";
export const promise =
  "ten minutes of kills, pauses, cuts, delays, bad disks and clocks under 200,000 calls: linearizable; and three planted faults are reported";

/** In ten minutes. */
const least = { ofEachFault: 20, acknowledged: 200_000, shareOfSeconds: 0.5 };
const tenMinutes = 600;
const plantedSeconds = 15;

/** @param {import("./run.mjs").Options} options `--minutes N`, `--seed N`; `--planted N` of the planted faults */
export async function run({ parameters, progress }) {
  const seconds = 60 * flagNumber(parameters, "--minutes", 10);
  const seed = seedOf(parameters);
  const wanted = flagNumber(parameters, "--planted", plants.length);
  const { verdict, equal, figures, share, counts, acknowledged } = await chaos({ seconds, seed, progress });
  /** @type {Record<string, { reported: boolean }>} */
  const planted = {};
  for (const plant of plants.slice(0, wanted)) {
    planted[plant.fault] = await chaosWith(plant, { seconds: plantedSeconds, seed, progress });
    progress(`${plant.fault}: ${JSON.stringify(planted[plant.fault])}`);
  }
  const part = Math.min(1, seconds / tenMinutes);
  return {
    holds:
      verdict.verdict === "linearizable" &&
      equal &&
      Object.values(counts).every((count) => count >= Math.floor(least.ofEachFault * part)) &&
      acknowledged >= least.acknowledged * part &&
      share >= least.shareOfSeconds &&
      Object.values(planted).every(({ reported }) => reported),
    figures: { ...figures, planted },
  };
}

// Whole clusters of the real core, codec and services in one process, under every kind of fault, seed after seed.
import { Campaign, simulate } from "@synod/simulator";
import { flagNumber, flagValue } from "./support/flags.mjs";

export const name = "seeds";
export const promise =
  "every promise holds in every seed; each kind of event occurs in at least 5 % of the seeds, and the median seed is a busy one";

const leastOccurrence = 0.05;
/** Commands of the median seed; in some worlds one command ends processes, one client asks now and then, or replicas doubt the time. */
const leastAcknowledged = 200;
const leastLeaderChanges = 2;
const progressEvery = 500;

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const [first, last] = rangeOf(flagValue(parameters, "--seeds") ?? "1-20000");
  const leastPart = flagNumber(parameters, "--occurrence", leastOccurrence);
  const campaign = new Campaign();
  const before = process.cpuUsage();
  const perMinute = () => {
    const { user, system } = process.cpuUsage(before);
    return Math.round((campaign.summary.seeds * 60_000_000) / (user + system));
  };
  for (let seed = first; seed <= last; seed++) {
    const result = await simulate(seed);
    campaign.add(result);
    if (result.failure !== undefined) progress(`seed ${seed}: ${result.failure}`);
    if ((seed - first + 1) % progressEvery === 0)
      progress(`${seed - first + 1} of ${last - first + 1} seeds, ${perMinute()} a minute of one core`);
  }
  const { failures, occurrence, ...figures } = campaign.summary;
  const rare = Object.entries(occurrence).filter(([, part]) => part < leastPart);
  return {
    holds:
      failures.length === 0 &&
      rare.length === 0 &&
      figures.medianAcknowledged >= leastAcknowledged &&
      figures.medianLeaderChanges >= leastLeaderChanges,
    figures: {
      ...figures,
      seedsPerMinuteOfOneCore: perMinute(),
      failures: failures.slice(0, 10),
      rare: rare.map(([kind]) => kind),
      occurrence,
    },
  };
}

/** @param {string} text @returns {[number, number]} */
function rangeOf(text) {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (first === undefined) throw new Error(`--seeds: expected A-B, found ${text}`);
  return [Number(first), Number(last)];
}

// The checker of histories agrees with people on small ones, with every order tried on drawn ones, and decides large ones.
import { builtInModels, check } from "@synod/history";
import { someOrderExplains } from "./support/brute-force.mjs";
import { largeHistory, smallHistory, withStaleRead } from "./support/drawn-histories.mjs";
import { flagNumber, random, seedOf } from "./support/flags.mjs";
import { handMade } from "./support/hand-made-histories.mjs";

export const name = "checker";
export const promise =
  "the checker of histories agrees with 20 made by hand and with every order tried on 5,000 drawn ones, and decides 5,000 operations at 64 outstanding within 60 s";

const mostShown = 3;
const least = { handMade: 20, shareOfEach: 0.2, seconds: 60 };

/** @param {import("./run.mjs").Options} options `--histories N`, `--operations N`, `--seed N` */
export async function run({ parameters, progress }) {
  const seed = seedOf(parameters);
  const histories = flagNumber(parameters, "--histories", 5_000);
  const operations = flagNumber(parameters, "--operations", 5_000);
  progress(`seed ${seed}`);
  const byHand = handMade.filter(
    ({ linearizable, operations }) => isLinearizable(operations) !== linearizable,
  );
  for (const { what } of byHand) progress(`wrong: ${what}`);
  const drawn = drawnOnes(random(seed), histories, progress);
  const large = largeOnes(random(seed + 1), operations);
  for (const [what, found] of Object.entries(large)) progress(`${what}: ${JSON.stringify(found)}`);
  const bothSeen = [drawn.linearizable, drawn.histories - drawn.linearizable].every(
    (count) => count >= least.shareOfEach * drawn.histories,
  );
  return {
    holds:
      handMade.length >= least.handMade &&
      byHand.length === 0 &&
      drawn.disagreements === 0 &&
      bothSeen &&
      Object.values(large).every(({ right, seconds }) => right && seconds < least.seconds),
    figures: {
      seed,
      handMade: handMade.length,
      wrongByHand: byHand.map(({ what }) => what),
      drawn,
      ...large,
    },
  };
}

/** @param {readonly import("@synod/history").Operation[]} operations */
function isLinearizable(operations) {
  return check(operations).verdict === "linearizable";
}

/** @param {() => number} draw @param {number} histories @param {(line: string) => void} progress */
function drawnOnes(draw, histories, progress) {
  let linearizable = 0;
  let withoutAnswer = 0;
  let disagreements = 0;
  for (let number = 0; number < histories; number++) {
    const { service, operations } = smallHistory(draw);
    const model = builtInModels[service];
    if (!model) throw new Error(`no model of ${service}`);
    const expected = someOrderExplains(model, operations);
    if (expected) linearizable++;
    if (operations.some(({ result }) => result === undefined)) withoutAnswer++;
    if (isLinearizable(operations) === expected) continue;
    disagreements++;
    if (disagreements <= mostShown)
      progress(`history ${number}: every order tried says ${expected}: ${JSON.stringify(operations)}`);
  }
  return { histories, linearizable, withoutAnswer, disagreements };
}

/** @param {() => number} draw @param {number} operations */
function largeOnes(draw, operations) {
  const right = largeHistory(draw, { operations, outstanding: 64, keys: 16 });
  const { operations: wrong, planted } = withStaleRead(right, draw);
  const good = timed(right);
  const bad = timed(wrong);
  const [violation] = bad.verdict.violations;
  const shown = violation?.operations.some(
    ({ invoked, request }) => invoked === planted.invoked && request.key === planted.request.key,
  );
  return {
    good: { right: good.verdict.verdict === "linearizable", ...figuresOf(good) },
    planted: {
      right: bad.verdict.verdict === "violation" && shown === true,
      ...figuresOf(bad),
      shown: violation?.operations.length,
    },
  };
}

/** @param {readonly import("@synod/history").Operation[]} operations */
function timed(operations) {
  const startedAt = performance.now();
  const verdict = check(operations);
  return { verdict, seconds: (performance.now() - startedAt) / 1000 };
}

/** @param {ReturnType<typeof timed>} timed */
function figuresOf({ verdict, seconds }) {
  const { operations, unknown, partitions, largestPartition, configurations } = verdict;
  return { operations, unknown, partitions, largestPartition, configurations, seconds };
}

// Prints what a range of seeds comes to, one line a seed: for the script replay, in a process of its own.
import { simulate } from "@synod/simulator";

const [first, last] = process.argv.slice(2).map(Number);
for (let seed = Number(first); seed <= Number(last); seed++) {
  const { sha256, counts, trace } = await simulate(seed, { wholeTrace: true });
  const messages = trace.filter((line) => line.includes(" → ")).length;
  const hashes = trace.filter((line) => / applied \d+ hash [0-9a-f]{64}$/.test(line)).length;
  console.log(JSON.stringify({ seed, sha256, messages, hashes, slots: counts.slots }));
}

// node hunt.mjs A-B WORLD: runs seeds until one fails, and prints {seed, failure} as JSON, or {} if none does. A process
// of its own, in a copy of the repository, because what it loads has a fault in it.
import { simulate } from "@synod/simulator";

const [range = "", world = "{}"] = process.argv.slice(2);
const [first = 1, last = first] = range.split("-").map(Number);
const overrides = JSON.parse(world);

let found = {};
for (let seed = first; seed <= last; seed++) {
  const { failure } = await simulate({ seed, overrides });
  if (failure === undefined) continue;
  found = { seed, failure };
  break;
}
console.log(JSON.stringify(found));

// npm run chaos -- --minutes N [--seed S] [--history FILE]
// Exit code 0: nothing was lost, executed twice or out of order; 1: something was; 2: wrong use; 3: undecided.
import { reportText } from "@synod/history";
import { flagNumber, flagValue, seedOf } from "../acceptance/support/flags.mjs";
import { chaos } from "./chaos.mjs";

const parameters = process.argv.slice(2);
const known = ["--minutes", "--seed", "--history"];
const unknown = parameters.filter((parameter, index) => index % 2 === 0 && !known.includes(parameter));
if (parameters.length === 0 || parameters.length % 2 !== 0 || unknown.length > 0) {
  console.error("npm run chaos -- --minutes N [--seed S] [--history FILE]");
  process.exit(2);
}
const history = flagValue(parameters, "--history");
const { verdict, equal, figures } = await chaos({
  seconds: 60 * flagNumber(parameters, "--minutes", 10),
  seed: seedOf(parameters),
  ...(history === undefined ? {} : { history }),
  progress: (line) => console.error(line),
});
console.log(reportText(verdict));
console.log(JSON.stringify(figures, undefined, 2));
process.exitCode = verdict.verdict === "undecided" ? 3 : verdict.verdict === "linearizable" && equal ? 0 : 1;

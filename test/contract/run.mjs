// npm run contract -- [--acceptor HOST:PORT] [--leader HOST:PORT] [--replica HOST:PORT] [--destructive] [--json]
// Runs the contract suite against the addresses given; without any against services that it starts itself, which are
// gone afterwards, and with everything that writes.
import { argumentsOf, report, usage } from "@synod/contract";
import { withOwnServices } from "./own-services.mjs";

/** @param {string[]} parameters */
async function main(parameters) {
  let given;
  try {
    given = argumentsOf(parameters);
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${usage}`);
    return 2;
  }
  if (given.help) {
    console.log(usage);
    return 0;
  }
  if (Object.keys(given.options.addresses).length > 0) return report(given.options, given.json);
  return withOwnServices((own) => report({ ...given.options, ...own }, given.json));
}

process.exitCode = await main(process.argv.slice(2));

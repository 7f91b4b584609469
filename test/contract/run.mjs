// npm run contract -- [--acceptor HOST:PORT] [--leader HOST:PORT] [--replica HOST:PORT] [--destructive] [--json]
// Runs the contract suite against the addresses given; without any against services that it starts itself, which are
// gone afterwards, and with everything that writes: a cluster of three acceptors, two leaders and three replicas, and
// an acceptor that no leader uses.
import { argumentsOf, report, usage } from "@synod/contract";
import { Processes } from "../acceptance/support/processes.mjs";

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
  const lone = await Processes.prepare({ acceptors: 1, leaders: 1, replicas: 1 });
  const cluster = await Processes.prepare({ acceptors: 3, leaders: 2, replicas: 3 });
  try {
    lone.start("a1");
    for (const { id } of cluster.plan.members) cluster.start(id);
    await cluster.ready();
    const options = {
      ...given.options,
      destructive: true,
      addresses: {
        acceptor: lone.address("a1"),
        leader: cluster.address("l1"),
        replica: cluster.address("r1"),
      },
      restart: async () => {
        await lone.kill("a1");
        lone.start("a1");
      },
    };
    return await report(options, given.json);
  } finally {
    await Promise.all([lone.end(), cluster.end()]);
  }
}

process.exitCode = await main(process.argv.slice(2));

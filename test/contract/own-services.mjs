// Services to run the contract suite against, with everything: a cluster of three acceptors, two leaders and three
// replicas, and an acceptor that no leader uses, which the suite may do with as it likes.
import { Processes } from "../acceptance/support/processes.mjs";

/**
 * Starts them, and ends them when `use` has ended.
 * @template Result
 * @param {(options: Required<Pick<import("@synod/contract").ContractOptions, "addresses" | "destructive" | "restart">>,
 *   cluster: Processes) => Promise<Result>} use gets what `runContract` needs to know
 * @returns {Promise<Result>}
 */
export async function withOwnServices(use) {
  const lone = await Processes.prepare({ acceptors: 1, leaders: 1, replicas: 1 });
  const cluster = await Processes.prepare({ acceptors: 3, leaders: 2, replicas: 3 });
  try {
    lone.start("a1");
    for (const { id } of cluster.plan.members) cluster.start(id);
    await cluster.ready();
    const addresses = {
      acceptor: lone.address("a1"),
      leader: cluster.address("l1"),
      replica: cluster.address("r1"),
    };
    const restart = async (/** @type {import("@synod/contract").RoleName} */ role) => {
      const [processes, id] = role === "acceptor" ? [lone, "a1"] : [cluster, role === "leader" ? "l1" : "r1"];
      await processes.kill(id);
      processes.start(id);
    };
    return await use({ addresses, destructive: true, restart }, cluster);
  } finally {
    await Promise.all([lone.end(), cluster.end()]);
  }
}

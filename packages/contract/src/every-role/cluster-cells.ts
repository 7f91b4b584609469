import { type Check, check, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import type { RoleName } from "../suite/roles.js";
import { endsWith } from "../suite/target.js";

/** A name that no cluster has: real ones have 32 hexadecimal digits. */
export const wrongCluster = "another-cluster";

/** gRPC's own services: an implementation may take them from a library. */
export const libraryServices = "gRPC's own services may be a library's, which knows of no clusters";

/**
 * Any call that names another cluster in its metadata, however sound it is otherwise: nothing of it is done.
 * @param writes what a service that does not look at it would do
 */
export function refusesAnotherCluster(
  role: RoleName,
  rpc: string,
  request: Message = {},
  writes = false,
): Check[] {
  return [
    (writes ? writing : check)(
      "rule 28",
      "meant for another cluster: FAILED_PRECONDITION with both ids, and the next call, meant for its own, is served",
      async (context) => {
        const target = context.target(role);
        const { clusterId } = await target.status();
        const stream = target.open(rpc, { "synod-cluster": wrongCluster });
        stream.send(request);
        stream.finish();
        endsWith(await stream.ending(), ["FAILED_PRECONDITION"], [wrongCluster, clusterId], rpc);
        await target.call("synod.v1.Cluster/Status", {}, { metadata: { "synod-cluster": clusterId } });
      },
    ),
  ];
}

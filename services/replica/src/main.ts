import { exitCodeOf, ReplicaHost, runService, startHost } from "@synod/node";
import { openReplicaStore } from "@synod/storage";
import { name, replicaConfiguration, version } from "./config.js";
import { builtInServices } from "./services.js";

runService(name, async (context) => {
  const answer = replicaConfiguration(process.argv.slice(2), process.env);
  if (answer.kind === "text") {
    process.stdout.write(`${answer.text}\n`);
    return undefined;
  }
  const { configuration } = answer;
  return startHost(context, configuration, {
    version,
    services: ["synod.v1.Replica", "synod.v1.Cluster", ...builtInServices.map((service) => service.name)],
    makeHost: async (options) => {
      const store = await openReplicaStore(configuration.data, {
        id: configuration.id,
        clusterId: configuration.clusterId,
        onFailure: (error) => context.fatal(exitCodeOf(error), error),
      });
      return new ReplicaHost({ ...options, store, services: builtInServices });
    },
  });
});

import {
  buildName,
  ExecutionWatch,
  exitCodeOf,
  loadServiceModules,
  printAnswer,
  ReplicaHost,
  runService,
  startHost,
  thrownByService,
} from "@synod/node";
import { openExecutionMarker, openReplicaStore } from "@synod/storage";
import { name, replicaConfiguration, version } from "./config.js";
import { builtInServices } from "./services.js";

runService(name, async (context) => {
  const answer = replicaConfiguration(process.argv.slice(2), process.env);
  if (answer.kind === "text") {
    printAnswer(answer.text);
    return undefined;
  }
  const { configuration } = answer;
  const modules = await loadServiceModules(configuration.services);
  context.isOfService = (reason) => thrownByService(modules, reason);
  const services = [...builtInServices, ...modules.map(({ service }) => service)];
  const descriptorSets = modules.map(({ service }) => service.descriptors);
  return startHost(context, configuration, {
    version,
    services: ["synod.v1.Replica", "synod.v1.Cluster", ...services.map(({ name }) => name)],
    makeHost: async (options) => {
      const store = await openReplicaStore(configuration.data, {
        id: configuration.id,
        clusterId: configuration.clusterId,
        onFailure: (error) => context.fatal(exitCodeOf(error), error),
      });
      const marker = openExecutionMarker(configuration.data, buildName(version, services));
      const watch = new ExecutionWatch({ name, marker: marker.descriptor, logger: options.logger });
      return new ReplicaHost({ ...options, store, services, descriptorSets, marker, watch });
    },
  });
});

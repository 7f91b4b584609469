import { AcceptorHost, exitCodeOf, runService, startHost } from "@synod/node";
import { createAcceptorStore, openAcceptorStore } from "@synod/storage";
import { recordCodec } from "@synod/wire";
import { acceptorConfiguration, initOptions, name, version } from "./config.js";

runService(name, async (context) => {
  const parameters = process.argv.slice(2);
  const answer =
    parameters[0] === "init"
      ? initOptions(parameters.slice(1), process.env)
      : acceptorConfiguration(parameters, process.env);
  if (answer.kind === "text") {
    process.stdout.write(`${answer.text}\n`);
    return undefined;
  }
  if (answer.kind === "init") {
    const { store } = await createAcceptorStore(answer.data, { ...answer, codec: recordCodec });
    process.stdout.write(`${store}\n`);
    return undefined;
  }
  const { configuration } = answer;
  return startHost(context, configuration, {
    version,
    services: ["synod.v1.Acceptor", "synod.v1.Cluster"],
    makeHost: async (options) =>
      new AcceptorHost({
        ...options,
        store: await openAcceptorStore(configuration.data, {
          ...configuration,
          codec: recordCodec,
          onDamage: (error) => context.fatal(exitCodeOf(error), error),
        }),
      }),
  });
});

import { AcceptorHost, exitCodeOf, printAnswer, runService, startHost } from "@synod/node";
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
    printAnswer(answer.text);
    return undefined;
  }
  if (answer.kind === "init") {
    const { store } = await createAcceptorStore(answer.data, { ...answer, codec: recordCodec });
    printAnswer(store, `the store is made, and its id is ${store}`);
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

import { LeaderHost, printAnswer, runService, startHost } from "@synod/node";
import { leaderConfiguration, name, version } from "./config.js";

runService(name, async (context) => {
  const answer = leaderConfiguration(process.argv.slice(2), process.env);
  if (answer.kind === "text") {
    printAnswer(answer.text);
    return undefined;
  }
  return startHost(context, answer.configuration, {
    version,
    services: ["synod.v1.Leader", "synod.v1.Cluster"],
    makeHost: async (options) => new LeaderHost(options),
  });
});

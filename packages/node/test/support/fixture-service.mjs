// A service that does what its first parameter says. Runs compiled, as services do.
import { createServer } from "node:net";
import { createLogger, ExitCode, printAnswer, runService, ServiceFailure } from "@synod/node";

const [behaviour, parameter] = process.argv.slice(2);

/** @param {number} port */
const listening = (port) =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

runService("fixture", async (context) => {
  if (behaviour === "done") {
    printAnswer("answer", "it is done");
    return undefined;
  }
  context.logger = createLogger({ level: "info" });
  if (behaviour === "fail") throw new ServiceFailure(ExitCode.noStore, "no store");
  if (behaviour === "defect") setTimeout(() => JSON.parse("{"), 1);
  if (behaviour === "rejection")
    void Promise.reject(new ServiceFailure(ExitCode.writeFailed, "fsync failed"));
  if (behaviour === "of a service") {
    context.isOfService = (reason) => reason === "a handler's";
    void Promise.reject("a handler's");
  }
  if (behaviour === "fatal")
    setTimeout(() => context.fatal(ExitCode.invariantViolated, new Error("two values")), 1);
  if (behaviour === "slow-start") {
    context.say("starting");
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  if (behaviour === "chatter") {
    const words = "x".repeat(1_000);
    for (let count = 0; count < 200; count++) {
      context.logger.info(words);
      context.say(words);
      console.log(words);
      console.error(words);
    }
    process.send?.("ready");
    process.disconnect();
  }
  await listening(Number(parameter ?? 0));
  context.say("ready");
  return {
    stop: async () => {
      context.say("stop called");
      if (behaviour === "hang") await new Promise(() => {});
    },
  };
});

import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import type { ServiceConfiguration } from "../configuration/config.js";
import { Health } from "./health.js";
import type { Host, HostOptions } from "./host.js";
import type { RunningService, ServiceContext } from "./lifecycle.js";
import { openLog } from "./log.js";

export interface HostedService {
  /** Of the package, for status. */
  readonly version: string;
  /** Full names of the services it serves, which health tells about. */
  readonly services: readonly string[];
  /** Opens what the role needs, and makes its host. */
  makeHost(options: HostOptions): Promise<Host>;
}

/** From a checked configuration to a host that listens, with health and log; says so in one line. */
export async function startHost(
  context: ServiceContext,
  configuration: ServiceConfiguration,
  service: HostedService,
): Promise<RunningService> {
  const { role, id, clusterId, genesis, limits, listen, insecure, logLevel } = configuration;
  const { logger, trouble } = openLog({ level: logLevel, fields: { role, id } });
  context.logger = logger;
  const warn = (text: string) => {
    logger.warn({}, text);
    context.say(`warning: ${text}`);
  };
  if (insecure)
    warn(
      `listening on ${listen.text} as --insecure-listen asks: traffic is neither encrypted nor authenticated`,
    );
  const health = new Health(service.services);
  const host = await service.makeHost({
    id,
    genesis,
    clusterId,
    limits,
    listen: listen.text,
    serverCredentials: grpc.ServerCredentials.createInsecure(),
    channelCredentials: grpc.credentials.createInsecure(),
    logger,
    version: service.version,
    logTrouble: trouble,
    onFatal: context.fatal,
    register: (server) => health.addTo(server),
    onStopping: () => health.stop(),
  });
  await host.start();
  health.follow(host, (serving) => {
    const { problem } = host.status();
    if (serving) logger.info({}, "serving");
    else logger.warn({ problem }, "not serving");
  });
  const { problem } = host.status();
  if (role === "acceptor" && problem !== "") warn(problem);
  const address = listen.text.replace(/:\d+$/, `:${host.port}`);
  const ready = `${role} ${id} listens on ${address} (process ${process.pid}, cluster ${clusterId})`;
  logger.info({ address, clusterId, version: service.version }, ready);
  context.say(ready);
  return { stop: () => host.stop() };
}

/** The version in the package.json above a module, given its `import.meta.url`. */
export function packageVersion(moduleUrl: string): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", moduleUrl), "utf8"));
  return String((manifest as { version?: unknown }).version);
}

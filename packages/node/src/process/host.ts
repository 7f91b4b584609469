import type * as grpc from "@grpc/grpc-js";
import type { Genesis, Limits } from "@synod/core";
import { clusterService, type PeerStatus, reflectionServices, type Status } from "@synod/wire";
import type { DriverLogger } from "../driver.js";
import { Server, unary } from "../transport/server.js";

export interface HostLogger extends DriverLogger {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** The options of every role's host; already validated. */
export interface HostOptions {
  readonly id: string;
  readonly genesis: Genesis;
  readonly clusterId: string;
  readonly limits: Limits;
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  readonly serverCredentials: grpc.ServerCredentials;
  /** For dialing other members. */
  readonly channelCredentials: grpc.ChannelCredentials;
  readonly logger: HostLogger;
  /** In words, what is wrong with where the log goes, for status; empty when nothing is. */
  readonly logTrouble?: () => string;
  /** Of this build, for status. */
  readonly version: string;
  /** The process must end with this exit code, at once. */
  onFatal(code: number, error: unknown): void;
  /** Adds further services to the port: health, metrics. Called before it is bound. */
  register?(server: grpc.Server): void;
  /** Called first of all by `stop`, so that health says NOT_SERVING before anything ends. */
  onStopping?(): void;
}

/** A host as the mains and health see it. */
export interface Host {
  /** Binds and begins. Throws `AddressInUse`, or why it cannot listen. */
  start(): Promise<void>;
  /** Ends everything within 5 seconds, the store included. May be called twice. */
  stop(): Promise<void>;
  status(): Status;
  /** True when it can do its part now: what health answers. */
  readonly serving: boolean;
  /** The port bound; 0 before. */
  readonly port: number;
}

/** Incarnations are drawn below this, well below 2^53: two draws are never the same in practice. */
export const incarnationLimit = 2 ** 48 - 1;

function logProblem({ logTrouble }: HostOptions): string {
  const trouble = logTrouble?.() ?? "";
  return trouble === "" ? "" : `its log: ${trouble}`;
}

export function statusOf(
  options: HostOptions,
  serving: boolean,
  problem: string,
  peers: readonly PeerStatus[],
  state: Status["state"],
): Status {
  return {
    clusterId: options.clusterId,
    id: options.id,
    version: options.version,
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    serving,
    // The log is no condition for anything, so it is told only where nothing worse is.
    problem: problem === "" ? logProblem(options) : problem,
    peers,
    configuration: options.genesis.configuration,
    state,
  };
}

/**
 * The server every role has: Cluster, reflection, and whatever `register` adds; the role's own services are to follow.
 * @param services full names of the services that reflection lists besides those of every role
 * @param descriptorSets of services that do not come with Synod
 */
export function hostServer(
  options: HostOptions,
  status: () => Status,
  services: readonly string[],
  descriptorSets: readonly Uint8Array[] = [],
): Server {
  const server = new Server(options.serverCredentials, options.id, options.clusterId);
  server.grpc.addService(clusterService, { Status: unary(() => ({ response: status() })) });
  for (const [definition, handlers] of reflectionServices(descriptorSets, [
    "grpc.health.v1.Health",
    "synod.v1.Cluster",
    ...services,
  ])) {
    server.grpc.addService(definition, handlers);
  }
  options.register?.(server.grpc);
  return server;
}

import * as grpc from "@grpc/grpc-js";
import { proposalOf, type Value } from "@synod/core";
import {
  anotherCluster,
  batch,
  type Channel,
  callUnary,
  clusterIn,
  clusterService,
  type DecideRemedyRequest,
  describedBy,
  type HeldSlotAnswer,
  meantFor,
  metadataKeys,
  openChannel,
  type PlainMessage,
  replicaService,
} from "@synod/wire";
import { Failure } from "./failure.js";
import type { DecidedContent, DecidedSlot } from "./log/decided.js";
import { builtInMethod, type MethodFinder, methodFinder, requestJson } from "./log/request-json.js";
import type { Answered } from "./status/report.js";

/** A connection of its own. */
export function openConnection(address: string): Channel {
  return openChannel(address, grpc.credentials.createInsecure());
}

/** One connection for one piece of work. */
async function withChannel<T>(address: string, work: (client: grpc.Client) => Promise<T>): Promise<T> {
  const channel = openConnection(address);
  try {
    return await work(channel.client);
  } catch (error) {
    throw new Failure(explain(error));
  } finally {
    channel.close(true);
  }
}

/** The error of a call in words for people. */
export function explain(error: unknown): string {
  const { code, details, metadata } = error as Partial<grpc.ServiceError>;
  if (code === grpc.status.FAILED_PRECONDITION && clusterIn(metadata) !== undefined)
    return `FAILED_PRECONDITION: ${details}. "npx synod up" starts the one meant; --replica HOST:PORT takes whichever runs there`;
  if (code === grpc.status.DEADLINE_EXCEEDED) return "no answer in time";
  if (code === grpc.status.UNAVAILABLE && details?.includes("ECONNREFUSED")) return "connection refused";
  // grpc-js's own words for a service that a process does not have; a replica has others for a method.
  if (code === grpc.status.UNIMPLEMENTED && details?.startsWith("The server does not implement"))
    return "expected a replica, found something else that speaks gRPC";
  if (typeof details === "string") return `${grpc.status[code ?? grpc.status.UNKNOWN]}: ${details}`;
  return error instanceof Error ? error.message : String(error);
}

/** Throws a Failure that names both clusters where they differ: not every process that answers has compared them itself. */
export function requireCluster(address: string, found: string, meant: string | undefined): void {
  if (meant !== undefined && found !== meant)
    throw new Failure(anotherCluster(`the process at ${address}`, found, meant));
}

/**
 * The status of the process at an address. Rejects with a Failure that says why there is no answer.
 * @param cluster the one it has to be of, for this call and those below; any unless given
 */
export async function askStatus(address: string, withinMs: number, cluster?: string): Promise<Answered> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  const status = await withChannel(address, (client) =>
    callUnary(client, clusterService.Status, {}, options),
  );
  requireCluster(address, status.clusterId, cluster);
  return { ...status, answered: true, role: status.state.role, address };
}

/** Has a version of a service put in force, or the service taken out of use (0). Returns the slot that decided it. */
export async function switchVersion(
  address: string,
  service: string,
  version: number,
  withinMs: number,
  cluster?: string,
): Promise<number> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  const { slot } = await withChannel(address, (client) =>
    callUnary(client, replicaService.SwitchVersion, { service, version }, options),
  );
  return slot;
}

/** Asks a replica for the promise not to execute a slot before a remedy with this number. */
export function holdSlot(
  address: string,
  slot: number,
  number: number,
  withinMs: number,
  cluster?: string,
): Promise<HeldSlotAnswer> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  return withChannel(address, (client) =>
    callUnary(client, replicaService.HoldSlot, { slot, number }, options),
  );
}

/** Has it decided what becomes of a slot. Returns the slot that decided it. */
export async function decideRemedy(
  address: string,
  remedy: DecideRemedyRequest,
  withinMs: number,
  cluster?: string,
): Promise<number> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  const { slot } = await withChannel(address, (client) =>
    callUnary(client, replicaService.DecideRemedy, remedy, options),
  );
  return slot;
}

/** Bounds what services may store. Returns the slot that decided it. */
export async function setQuota(
  address: string,
  bytes: number,
  withinMs: number,
  cluster?: string,
): Promise<number> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  const { slot } = await withChannel(address, (client) =>
    callUnary(client, replicaService.SetQuota, { bytes }, options),
  );
  return slot;
}

/**
 * A slot such that everything acknowledged before this call was decided in it or below: that of a session that is opened,
 * whose name begins with it.
 */
export async function currentSlot(address: string, withinMs: number, cluster?: string): Promise<number> {
  const options = { deadline: Date.now() + withinMs, metadata: meantFor(cluster) };
  const { clientId, clusterId } = await withChannel(address, (client) =>
    callUnary(client, replicaService.OpenSession, {}, options),
  );
  requireCluster(address, clusterId, cluster);
  return Number(clientId.split(".", 1)[0]);
}

/** A query of a built-in service on one replica's own state: a stale read, for which it asks nobody. */
export async function readStale(
  address: string,
  service: string,
  method: string,
  request: PlainMessage,
  withinMs: number,
): Promise<PlainMessage> {
  const known = builtInMethod(service, method);
  const metadata = new grpc.Metadata();
  metadata.set(metadataKeys.read, "stale");
  return withChannel(address, (client) => {
    const options = { deadline: Date.now() + withinMs };
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        known.path,
        (message: PlainMessage) => Buffer.from(known.encodeRequest(message)),
        (bytes) => known.decodeResponse(bytes),
        request,
        metadata,
        options,
        (error, response) => (error ? reject(error) : resolve(response ?? {})),
      );
    });
  });
}

const pageWithinMs = 5_000;
const describeWithinMs = 2_000;

/**
 * The decided log as one replica keeps it, from a slot on, in order. Requests of services that do not come with Synod are
 * decoded as the replica's reflection describes them.
 * @param most how many slots at most
 * @param cluster whose log it has to be; that of the first page unless given
 */
export async function* readLog(
  address: string,
  from: number,
  most: number,
  cluster?: string,
): AsyncGenerator<DecidedSlot> {
  let meant = cluster;
  const find = methodFinder((service) =>
    withChannel(address, (client) =>
      describedBy(client, service, { deadline: Date.now() + describeWithinMs, metadata: meantFor(meant) }),
    ),
  );
  let next = from;
  let left = most;
  while (next !== 0 && left > 0) {
    const request = { from: next, limit: Math.min(left, 1_000), clusterId: meant ?? "" };
    const page = await withChannel(address, (client) =>
      callUnary(client, replicaService.Log, request, { deadline: Date.now() + pageWithinMs }),
    );
    requireCluster(address, page.clusterId, meant);
    meant ??= page.clusterId;
    for (const { slot, value } of page.decisions.slice(0, left)) yield decidedSlot(slot, value, find);
    left -= page.decisions.length;
    next = page.next;
  }
}

async function decidedSlot(slot: number, value: Value, find: MethodFinder): Promise<DecidedSlot> {
  const id = proposalOf(value);
  const proposal = id === undefined ? "" : `${id.replica}/${id.incarnation.toString(16)}/${id.number}`;
  return { slot, proposal, content: await contentOf(value, find) };
}

async function contentOf(value: Value, find: MethodFinder): Promise<DecidedContent> {
  switch (value.kind) {
    case "no-op":
      return { kind: "no-op" };
    case "batch": {
      const { commands, logTimeMs } = batch.decode(value.commands);
      const decided = commands.map(async ({ clientId, sequence, service, method, request }) => {
        const command = { clientId, sequence, service, method, request };
        return { ...command, requestJson: await requestJson(command, find) };
      });
      return { kind: "batch", commands: await Promise.all(decided), logTimeMs };
    }
    case "configuration": {
      const { number, acceptors, leaders, replicas } = value.configuration;
      const members = [...replicas, ...leaders, ...acceptors].map(({ id, address }) => `${id} at ${address}`);
      return { kind: "configuration", number, members: members.join(", ") };
    }
  }
}

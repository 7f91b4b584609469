import { parseAddress } from "@synod/wire";
import { askStatus } from "./calls.js";
import { type Remembered, recall } from "./cluster/remembered.js";
import { exitCode, Failure } from "./failure.js";

const noCluster =
  "no cluster is known here: start one with `npx synod up`, or give --replica HOST:PORT of a running one";

/** The replicas that a command talks to. */
export interface Targets {
  /** Addresses of replicas. */
  readonly addresses: readonly string[];
  /** The cluster that they have to be of; undefined for whichever answers. */
  readonly cluster: string | undefined;
}

const answerWithinMs = 1_000;

/**
 * The replicas to talk to: those given, else those of the cluster that `up` last started in this directory. Addresses that
 * are given name their cluster themselves, but only one.
 */
export async function replicaTargets(
  given: readonly string[],
  workingDirectory = process.cwd(),
): Promise<Targets> {
  if (given.length > 0) {
    const addresses = requireAddresses(given);
    return { addresses, cluster: await clusterAt(addresses) };
  }
  const { cluster, members } = rememberedCluster(workingDirectory);
  const replicas = members.filter(({ role }) => role === "replica");
  return { addresses: replicas.map(({ address }) => address), cluster };
}

/** The cluster that `up` last started in a directory. */
export function rememberedCluster(workingDirectory: string): Remembered {
  const found = recall(workingDirectory);
  if (found === undefined || found.members.length === 0) throw new Failure(noCluster);
  return found;
}

/** The one cluster that answers at several addresses; undefined where nobody does, or there is one address only. */
export async function clusterAt(addresses: readonly string[]): Promise<string | undefined> {
  if (addresses.length < 2) return undefined;
  const answers = await Promise.allSettled(addresses.map((address) => askStatus(address, answerWithinMs)));
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const clusters = new Map(found.map(({ clusterId, address }) => [clusterId, address]));
  if (clusters.size > 1) {
    const each = [...clusters].map(([cluster, address]) => `${cluster} at ${address}`).join(", ");
    throw new Failure(`--replica: expected replicas of one cluster, found ${each}`, exitCode.usage);
  }
  return found[0]?.clusterId;
}

export function requireAddresses(given: readonly string[]): string[] {
  const wrong = given.filter((address) => parseAddress(address) === undefined);
  if (wrong.length > 0) {
    const found = wrong.map((address) => JSON.stringify(address)).join(", ");
    throw new Failure(`--replica: expected HOST:PORT, found ${found}`, exitCode.usage);
  }
  return [...given];
}

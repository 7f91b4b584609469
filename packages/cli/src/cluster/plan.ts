import path from "node:path";
import { maxMembersOf } from "@synod/node";
import { shownNumber } from "../commands/options.js";
import { exitCode, Failure } from "../failure.js";

export type RoleName = "acceptor" | "leader" | "replica";

export interface Counts {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
}

/** One process of a local cluster: where it listens and keeps its things. */
export interface PlannedMember {
  readonly role: RoleName;
  readonly id: string;
  readonly port: number;
  /** host:port */
  readonly address: string;
  /** The directory of its store; a leader keeps nothing in it. */
  readonly data: string;
  readonly config: string;
  readonly log: string;
}

export interface Plan {
  /** The data directory that `up` was given, absolute. */
  readonly directory: string;
  /** The folder of the cluster's stores and files; it appears in one rename, complete or not at all. */
  readonly cluster: string;
  readonly clusterFile: string;
  readonly counts: Counts;
  readonly firstPort: number;
  /** Modules with users' services, which every replica runs: absolute paths. */
  readonly services: readonly string[];
  /** Replicas first, so that clients find them at the first port; then leaders, then acceptors. */
  readonly members: readonly PlannedMember[];
}

export const host = "127.0.0.1";

/** Plans the addresses and folders of a local cluster. Throws when counts or ports make no sense, naming every problem. */
export function planCluster(
  directory: string,
  counts: Counts,
  firstPort: number,
  services: readonly string[] = [],
): Plan {
  const problems = planProblems(counts, firstPort);
  if (problems.length > 0) throw new Failure(problems.join("\n"), exitCode.usage);
  const absolute = path.resolve(directory);
  const cluster = path.join(absolute, "cluster");
  const names: [RoleName, string][] = [
    ...numbered("replica", "r", counts.replicas),
    ...numbered("leader", "l", counts.leaders),
    ...numbered("acceptor", "a", counts.acceptors),
  ];
  const members = names.map(([role, id], index) => ({
    role,
    id,
    port: firstPort + index,
    address: `${host}:${firstPort + index}`,
    data: path.join(cluster, id),
    config: path.join(cluster, `${id}.json`),
    log: path.join(absolute, "logs", `${id}.log`),
  }));
  return {
    directory: absolute,
    cluster,
    clusterFile: path.join(cluster, "cluster.json"),
    counts,
    firstPort,
    services: services.map((each) => path.resolve(each)),
    members,
  };
}

function numbered(role: RoleName, letter: string, count: number): [RoleName, string][] {
  return Array.from({ length: count }, (_, index) => [role, `${letter}${index + 1}`]);
}

function planProblems(counts: Counts, firstPort: number): string[] {
  const problems: string[] = [];
  for (const name of ["acceptors", "leaders", "replicas"] as const) {
    const [count, most] = [counts[name], maxMembersOf[name]];
    if (!Number.isInteger(count) || count < 1 || count > most) {
      problems.push(`--${name}: expected a whole number from 1 to ${most}, found ${shownNumber(count)}`);
    }
  }
  const ports = counts.acceptors + counts.leaders + counts.replicas;
  if (!Number.isInteger(firstPort) || firstPort < 1 || firstPort + ports > 65_536) {
    problems.push(
      `--port: expected the first of ${ports} ports up to 65535, found ${shownNumber(firstPort)}`,
    );
  }
  return problems;
}

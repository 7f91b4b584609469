import type { Member } from "@synod/core";
import type { RoleName } from "../cluster/plan.js";
import { reasonOf } from "../failure.js";
import { clusterAt, rememberedCluster, requireAddresses } from "../targets.js";
import type { Answered, RoleReport } from "./report.js";

/** A process to ask, with what is known of it beforehand. */
export interface Known {
  readonly role: RoleName;
  /** Its address when nothing better is known. */
  readonly id: string;
  readonly address: string;
}

/**
 * Asks one process; rejects with a reason when it gives no answer in time, or is not of the cluster: of any, where that is
 * undefined.
 */
export type Ask = (address: string, cluster: string | undefined) => Promise<Answered>;

/** The processes to ask first (the replicas given, else all of the cluster that `up` last started here), and the cluster meant. */
export async function startingPoints(
  given: readonly string[],
  workingDirectory: string,
): Promise<{ known: readonly Known[]; cluster: string | undefined }> {
  if (given.length === 0) {
    const { cluster, members } = rememberedCluster(workingDirectory);
    return { known: members, cluster };
  }
  const addresses = requireAddresses(given);
  const known = addresses.map((address) => ({ role: "replica", id: address, address }) as const);
  return { known, cluster: await clusterAt(addresses) };
}

/**
 * Asks the processes given, and then every member they know of, until nobody new turns up. Unless the cluster is given, it is
 * that of the first that answers: at the address of one of its members another cluster's may run (rule 28).
 */
export async function gather(
  start: readonly Known[],
  ask: Ask,
  given: string | undefined,
): Promise<RoleReport[]> {
  const reports = new Map<string, RoleReport>();
  let cluster = given;
  let wave = [...start];
  while (wave.length > 0) {
    const found = await Promise.all(wave.map((known) => report(known, ask, cluster)));
    cluster ??= found.find((one) => one.answered)?.clusterId;
    for (const one of found) reports.set(one.address, one);
    const next = new Map<string, Known>();
    for (const { id, role, address } of found.flatMap(membersKnownTo)) {
      if (!reports.has(address)) next.set(address, { role, id, address });
    }
    wave = [...next.values()];
  }
  return withoutRepeats([...reports.values()]);
}

function membersKnownTo(one: RoleReport): Known[] {
  if (!one.answered) return [];
  const { acceptors, leaders, replicas } = one.configuration;
  const named = (role: RoleName, members: readonly Member[]) =>
    members.map(({ id, address }) => ({ role, id, address }));
  return [...named("replica", replicas), ...named("leader", leaders), ...named("acceptor", acceptors)];
}

async function report(known: Known, ask: Ask, cluster: string | undefined): Promise<RoleReport> {
  try {
    return { ...(await ask(known.address, cluster)), address: known.address };
  } catch (error) {
    return { ...known, answered: false, reason: reasonOf(error) };
  }
}

/** One process may be known under two addresses ("localhost" and 127.0.0.1): it is one line all the same. */
function withoutRepeats(reports: readonly RoleReport[]): RoleReport[] {
  const byMember = new Map<string, RoleReport>();
  for (const one of reports) {
    const key = `${one.role} ${one.id}`;
    const known = byMember.get(key);
    if (known === undefined || (one.answered && !known.answered)) byMember.set(key, one);
  }
  return [...byMember.values()];
}

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ClusterFile } from "@synod/node";
import { makeDirectory } from "@synod/node/surroundings";
import { createAcceptorStore, StoreError } from "@synod/storage";
import { recordCodec } from "@synod/wire";
import { exitCode, Failure } from "../failure.js";
import { writeWhole } from "../whole-file.js";
import { clusterFileAt, defaultWindow } from "./cluster-file.js";
import type { Counts, Plan, PlannedMember } from "./plan.js";

/**
 * Makes the stores and files of a new cluster, or finds those of an earlier start. Everything of a new one is made
 * beside its place and renamed there at once: a start that is interrupted leaves no half of a cluster behind.
 * Resolves to true when the cluster is new.
 */
export async function prepareCluster(plan: Plan): Promise<boolean> {
  const stored = clusterFileAt(plan.clusterFile);
  if (stored) {
    requireSamePlan(plan, stored);
    writeConfigs(plan, plan.cluster);
    return false;
  }
  requireNoRestoring(plan);
  if (existsSync(plan.cluster)) {
    const advice = "if nothing in it is needed, delete that directory and start again";
    throw new Failure(`${plan.cluster} exists but holds no cluster.json: ${advice}`);
  }
  const making = path.join(plan.directory, "making");
  rmSync(making, { recursive: true, force: true });
  makeDirectory(making);
  for (const { role, id } of plan.members) if (role !== "leader") mkdirSync(path.join(making, id));
  const stores = await makeStores(plan, making);
  writeClusterFiles(plan, making, clusterFile(plan, stores));
  renameSync(making, plan.cluster);
  return true;
}

/** The folder in which a cluster is made from a backup, before it gets its place. */
export function restoringPath({ directory }: Pick<Plan, "directory">): string {
  return path.join(directory, "restoring");
}

function requireNoRestoring(plan: Plan): void {
  if (!existsSync(restoringPath(plan))) return;
  const advice = `run "synod snapshot restore" again, or delete the directory for a new cluster`;
  throw new Failure(
    `${plan.directory}: expected a cluster, or nothing, found a restore that was interrupted: ${advice}`,
  );
}

/** The cluster file and everybody's configuration, in a folder that is renamed to its place later. */
export function writeClusterFiles(plan: Plan, folder: string, file: ClusterFile): void {
  writeFileSync(path.join(folder, "cluster.json"), `${JSON.stringify(file, undefined, 2)}\n`, {
    flush: true,
  });
  writeConfigs(plan, folder);
}

/** An acceptor's store is made here, once, and never by starting a service (rule 5). */
async function makeStores(plan: Plan, making: string): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const { role, id } of plan.members) if (role === "acceptor") made.set(id, await makeStore(making, id));
  return made;
}

async function makeStore(making: string, id: string): Promise<string> {
  try {
    const { store } = await createAcceptorStore(path.join(making, id), { id, codec: recordCodec });
    return store;
  } catch (error) {
    throw error instanceof StoreError ? new Failure(error.message) : error;
  }
}

/** @param stores the id of each acceptor's store */
export function clusterFile(plan: Plan, stores: ReadonlyMap<string, string>): ClusterFile {
  const named = (role: PlannedMember["role"]) =>
    plan.members.filter((member) => member.role === role).map(({ id, address }) => ({ id, address }));
  return {
    window: defaultWindow,
    acceptors: named("acceptor").map((member) => ({ ...member, store: stores.get(member.id) ?? "" })),
    leaders: named("leader"),
    replicas: named("replica"),
  };
}

/** The configuration file of each service. Paths in it begin at the file, so that a renamed or copied project keeps to itself. */
function writeConfigs(plan: Plan, folder: string): void {
  for (const member of plan.members) {
    const config = {
      id: member.id,
      cluster: path.basename(plan.clusterFile),
      listen: member.address,
      ...(member.role === "leader" ? {} : { data: path.relative(plan.cluster, member.data) }),
      ...(member.role === "replica" && plan.services.length > 0
        ? { services: plan.services.map((each) => path.relative(plan.cluster, each)) }
        : {}),
    };
    writeWhole(path.join(folder, path.basename(member.config)), `${JSON.stringify(config, undefined, 2)}\n`);
  }
}

/** The counts and the first port of the cluster that a directory holds; undefined when it holds none. */
export function storedShape(clusterFilePath: string): { counts: Counts; firstPort: number } | undefined {
  const stored = clusterFileAt(clusterFilePath);
  if (!stored) return undefined;
  const address = stored.replicas[0]?.address ?? "";
  return {
    counts: {
      acceptors: stored.acceptors.length,
      leaders: stored.leaders.length,
      replicas: stored.replicas.length,
    },
    firstPort: Number(address.slice(address.lastIndexOf(":") + 1)),
  };
}

function requireSamePlan(plan: Plan, stored: ClusterFile): void {
  const problems: string[] = [];
  for (const role of ["acceptors", "leaders", "replicas"] as const) {
    const found = stored[role].length;
    if (found !== plan.counts[role])
      problems.push(`  --${role} ${plan.counts[role]}: the cluster there has ${found}`);
  }
  const shape = storedShape(plan.clusterFile);
  if (problems.length === 0 && shape?.firstPort !== plan.firstPort) {
    problems.push(`  --port ${plan.firstPort}: the cluster there was made for port ${shape?.firstPort}`);
  }
  if (problems.length === 0) return;
  const advice = "Leave those flags out to resume the cluster, or give another --data for a new one.";
  throw new Failure(
    [`${plan.directory} holds another cluster:`, ...problems, advice].join("\n"),
    exitCode.usage,
  );
}

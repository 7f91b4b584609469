import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import { clusterIdOf } from "@synod/node";
import { RestoredRows, StateContents, UnfitBackup } from "@synod/state-machine";
import {
  createAcceptorStore,
  type Install,
  maxPageEntries,
  openReplicaStore,
  type ReplicaStore,
  type StateEntry,
  StoreError,
} from "@synod/storage";
import { recordCodec } from "@synod/wire";
import { ownDataDirectory } from "../cluster/owner.js";
import { type Plan, type PlannedMember, planCluster } from "../cluster/plan.js";
import { clusterFile, restoringPath, writeClusterFiles } from "../cluster/stores.js";
import { exitCode, Failure } from "../failure.js";
import { print } from "../output.js";
import { amountText, interruptible, Progress } from "./progress.js";
import { SnapshotFile } from "./reader.js";
import { syncDirectory } from "./writer.js";

export interface RestoreArguments {
  file: string;
  data: string;
  acceptors: number;
  leaders: number;
  replicas: number;
  port: number;
  json: boolean;
  /** The backup may be of a replica that had stopped. */
  "from-stopped": boolean;
}

/** Makes a new cluster's directory from a backup, for `synod up` to start. */
export async function restore(options: RestoreArguments): Promise<void> {
  const { file, data, port, json, "from-stopped": fromStopped } = options;
  const plan = planCluster(data, options, port);
  await interruptible(`nothing was restored in ${plan.directory}`, async (signal) => {
    const source = await SnapshotFile.open(file);
    try {
      requireMeant(source, fromStopped);
      const { clusterId, services } = await inDirectory(plan, (making) =>
        makeCluster(plan, making, source, signal),
      );
      const { header, totals } = source;
      await print(
        json
          ? JSON.stringify({
              ...{ cluster: clusterId, slot: header.slot, from: header.cluster },
              ...{ ...totals, data: plan.directory },
            })
          : restoredText(plan, source, clusterId, services),
      );
    } finally {
      await source.close();
    }
  });
}

/** To go on from a replica that had stopped is a person's decision. */
function requireMeant({ header: { slot, stopped } }: SnapshotFile, fromStopped: boolean): void {
  if (stopped === undefined || fromStopped) return;
  throw new Failure(
    `the backup is of a replica that had stopped after slot ${slot} (${stopped}): expected one of a replica that went on; to go ` +
      "on from this one, with a build that does not stop again, give --from-stopped",
    exitCode.usage,
  );
}

function restoredText(
  { directory }: Plan,
  { header, totals }: SnapshotFile,
  clusterId: string,
  services: readonly string[],
): string {
  return [
    `${directory}: a new cluster, ${clusterId}, which goes on after slot ${header.slot} of cluster ${header.cluster} with ${amountText(totals)}.`,
    `Start it with: npx synod up --data ${directory}`,
    ...(services.length > 0 ? [`It needs the modules (--service) of ${services.join(", ")}.`] : []),
  ].join("\n");
}

/** Runs `make` beside the cluster's place, and renames what it made at the very end; leaves nothing when it fails. */
async function inDirectory<T>(plan: Plan, make: (making: string) => Promise<T>): Promise<T> {
  const making = restoringPath(plan);
  const isNew = !existsSync(plan.directory);
  if (!isNew) requireEmpty(plan.directory);
  const ownership = await ownDataDirectory(plan.directory);
  try {
    requireEmpty(plan.directory);
    rmSync(making, { recursive: true, force: true });
    mkdirSync(making);
    const made = await make(making);
    await syncDirectory(making);
    renameSync(making, plan.cluster);
    await syncDirectory(plan.directory);
    await syncDirectory(path.dirname(plan.directory));
    return made;
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error instanceof StoreError ? new Failure(error.message) : error;
  } finally {
    await ownership.release();
    if (isNew && readdirSync(plan.directory).length === 0) rmdirSync(plan.directory);
  }
}

/** Refuses a directory with anything in it but what an interrupted restore left, and the mark of who uses it. */
function requireEmpty(directory: string): void {
  const found = readdirSync(directory).filter((name) => !/^owner-.*\.sock$/.test(name));
  const others = found.filter((name) => name !== path.basename(restoringPath({ directory })));
  if (others.length === 0) return;
  throw new Failure(
    `--data ${directory}: expected a directory that is empty or not there yet, found ${others.slice(0, 5).join(", ")}: ` +
      "give another one; a backup is never restored into a cluster that exists",
    exitCode.usage,
  );
}

interface Made {
  readonly clusterId: string;
  /** Services in use in the backup that do not come with Synod. */
  readonly services: readonly string[];
}

async function makeCluster(
  plan: Plan,
  making: string,
  source: SnapshotFile,
  signal: AbortSignal,
): Promise<Made> {
  const { slot } = source.header;
  const cluster = clusterFile(plan, await makeAcceptors(membersOf(plan, "acceptor"), making, slot));
  const clusterId = clusterIdOf(cluster);
  const stores: ReplicaStore[] = [];
  let services: readonly string[];
  try {
    for (const { id } of membersOf(plan, "replica"))
      stores.push(await openReplicaStore(path.join(making, id), { id, clusterId, flushEveryMs: 0 }));
    services = await fill(stores, source, clusterId, signal);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
  writeClusterFiles(plan, making, cluster);
  return { clusterId, services };
}

function membersOf({ members }: Plan, role: PlannedMember["role"]): readonly PlannedMember[] {
  return members.filter((member) => member.role === role);
}

/**
 * New stores, and so a new cluster. What is below the trim mark is decided (rule 7): no leader of theirs gives a slot of
 * the backup to anything else, and a replica that asks for one is sent to the others' state.
 */
async function makeAcceptors(
  acceptors: readonly PlannedMember[],
  making: string,
  slot: number,
): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  const trim = { below: slot + 1, configurations: [] };
  for (const { id } of acceptors) {
    const { store } = await createAcceptorStore(path.join(making, id), { id, codec: recordCodec, trim });
    made.set(id, store);
  }
  return made;
}

/** Installs the state in all stores, page by page. Returns the names of users' services in it. */
async function fill(
  stores: readonly ReplicaStore[],
  source: SnapshotFile,
  clusterId: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { slot } = source.header;
  const progress = new Progress("restoring");
  const contents = new StateContents(source.header.stopped !== undefined);
  const rows = new RestoredRows({ slot, clusterId });
  const id = "backup";
  const installs = await Promise.all(stores.map((store) => store.beginInstall({ id, slot })));
  try {
    for await (const page of source.pages()) {
      signal.throwIfAborted();
      contents.add(page);
      await put(installs, rows.next(page));
      progress.at(source.totals);
    }
    await put(installs, rows.end());
    contents.applied(slot);
  } catch (error) {
    if (!(error instanceof UnfitBackup)) throw error;
    throw new Failure(`the backup cannot be restored: ${error.message}`, exitCode.damaged);
  }
  signal.throwIfAborted();
  await Promise.all(installs.map((install) => install.finish()));
  const inUse = contents.services.filter(({ version }) => version !== undefined && version > 0);
  return inUse.map(({ name }) => name).filter((name) => !name.startsWith("synod."));
}

/** Puts rows in parts of a page's size: a page has one row more where the row that names the era goes in. */
async function put(installs: readonly Install[], rows: readonly StateEntry[]): Promise<void> {
  for (let from = 0; from < rows.length; from += maxPageEntries) {
    const part = rows.slice(from, from + maxPageEntries);
    await Promise.all(installs.map((install) => install.put(part, new Uint8Array())));
  }
}

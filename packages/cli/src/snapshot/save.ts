import { StateContents, stateFormat } from "@synod/state-machine";
import { currentSlot, explain } from "../calls.js";
import { Failure } from "../failure.js";
import { print } from "../output.js";
import { everyReplica, type FoundReplica } from "../remedy/replicas.js";
import { replicaTargets, type Targets } from "../targets.js";
import { version } from "../version.js";
import { fetchSnapshot, type SnapshotSink } from "./fetch.js";
import { amountText, interruptible, Progress } from "./progress.js";
import { CannotWrite, SnapshotWriter } from "./writer.js";

export interface SaveArguments {
  file: string;
  replica: string[];
  force: boolean;
  json: boolean;
  /** Take the state of a replica that has stopped; `without` holds the ids of replicas that are not asked how far they are. */
  stopped: boolean;
  without: string[];
}

/** The result of a save. */
interface Saved {
  readonly address: string;
  readonly slot: number;
  readonly cluster: string;
}

/** A replica that does not answer for so long is left out. */
const slotWithinMs = 10_000;

/** Writes a backup of a running cluster, or of one whose replicas have all stopped. */
export async function save({ file, replica, force, json, stopped, without }: SaveArguments): Promise<void> {
  const targets = await replicaTargets(replica);
  await interruptible(`${file} was not written`, async (signal) => {
    const startedAt = performance.now();
    const progress = new Progress("saving");
    const writer = await SnapshotWriter.create(file, force);
    try {
      const { address, slot, cluster } = stopped
        ? await saveStopped(await mostAdvanced(targets, without, replica), writer, progress, signal)
        : await saveFromAny(targets, writer, progress, signal);
      signal.throwIfAborted();
      await writer.finish(force);
      const seconds = (performance.now() - startedAt) / 1000;
      const { keys, bytes } = writer.totals;
      const text = `${writer.file}: the state after slot ${slot} of cluster ${cluster}, from ${address}: ${amountText({ keys, bytes })}, in ${seconds.toFixed(1)} s`;
      const figures = { file: writer.file, cluster, slot, address, keys, bytes, seconds };
      await print(json ? JSON.stringify(figures) : text);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  });
}

/**
 * From the first replica that shows, by having something decided, that it lacks nothing acknowledged so far. Where no
 * replica can, the cluster has lost its majority: what one of them has on disk is then better than nothing.
 */
async function saveFromAny(
  { addresses, cluster }: Targets,
  writer: SnapshotWriter,
  progress: Progress,
  signal: AbortSignal,
): Promise<Saved> {
  const troubles: string[] = [];
  for (const mustDecide of [true, false]) {
    for (const address of addresses) {
      try {
        const slot = mustDecide ? await currentSlot(address, slotWithinMs, cluster) : 1;
        signal.throwIfAborted();
        const source = { address, cluster, above: slot - 1 };
        return await saveFrom(source, writer, progress, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CannotWrite) throw error;
        const trouble = `${address}: ${explain(error)}`;
        progress.say(trouble);
        if (!troubles.includes(trouble)) troubles.push(trouble);
      }
    }
    if (mustDecide)
      progress.say(
        "no replica can have anything decided now: saving what one has on its disk, which may lack what others acknowledged",
      );
  }
  throw new Failure(["no replica gives its state:", ...troubles.map((trouble) => `  ${trouble}`)].join("\n"));
}

/**
 * The replica that has executed the most: every command that any replica acknowledged is in its state. Where several have
 * executed as much, and differ, a person chooses by naming one.
 */
async function mostAdvanced(
  targets: Targets,
  without: readonly string[],
  wanted: readonly string[],
): Promise<FoundReplica> {
  const replicas = await everyReplica(targets, without);
  const most = Math.max(...replicas.map(({ appliedSlot }) => appliedSlot));
  const ahead = replicas.filter(({ appliedSlot }) => appliedSlot === most);
  const chosen = ahead.find(({ address }) => wanted.includes(address)) ?? ahead[0];
  if (chosen !== undefined && (wanted.length !== 1 || wanted.includes(chosen.address))) return chosen;
  throw new Failure(
    `expected the replica that has executed the most, found another: take the state of ${ahead.map(({ id, address }) => `${id} (${address})`).join(" or ")}, after slot ${most}`,
  );
}

async function saveStopped(
  { id, address, cluster, appliedSlot, problem }: FoundReplica,
  writer: SnapshotWriter,
  progress: Progress,
  signal: AbortSignal,
): Promise<Saved> {
  progress.say(
    `taking the state of ${id}, which has executed slot ${appliedSlot}; no replica has executed more`,
  );
  try {
    return await saveFrom(
      { address, cluster, above: appliedSlot - 1, stopped: problem },
      writer,
      progress,
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CannotWrite) throw error;
    throw new Failure(`${id} does not give its state: ${explain(error)}`);
  }
}

/** The replica whose state is saved, and what it has to be. */
interface Source {
  readonly address: string;
  /** The cluster that it has to be of; undefined for whichever answers. */
  readonly cluster: string | undefined;
  readonly above: number;
  /** The reason why the replica has stopped; undefined when it goes on. */
  readonly stopped?: string;
}

/** Characters of the reason that the header keeps. */
const longestReason = 1_000;

async function saveFrom(
  { address, cluster: meant, above, stopped }: Source,
  writer: SnapshotWriter,
  progress: Progress,
  signal: AbortSignal,
): Promise<Saved> {
  let saved: Saved | undefined;
  const header = {
    state: stateFormat,
    synod: version(),
    ...(stopped === undefined ? {} : { stopped: stopped.slice(0, longestReason) }),
  };
  let contents = new StateContents(stopped !== undefined);
  const sink: SnapshotSink = {
    begin: async ({ slot, clusterId, confirmed }) => {
      saved = { address, slot, cluster: clusterId };
      contents = new StateContents(stopped !== undefined);
      await writer.begin({ cluster: clusterId, slot, confirmed, ...header });
    },
    take: async ({ entries, digest }) => {
      contents.add(entries);
      await writer.page(entries, digest);
      progress.at(writer.totals);
    },
  };
  const onGoingOn = (error: unknown) =>
    progress.say(`${address}: ${explain(error)}; going on with the same snapshot`);
  await fetchSnapshot({
    address,
    cluster: meant,
    above,
    stopped: stopped !== undefined,
    sink,
    signal,
    onGoingOn,
  });
  if (saved === undefined) throw new Error("the snapshot had no page");
  contents.applied(saved.slot);
  return saved;
}

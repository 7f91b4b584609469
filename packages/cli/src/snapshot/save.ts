import { StateContents, stateFormat } from "@synod/state-machine";
import { currentSlot, explain } from "../calls.js";
import { Failure } from "../failure.js";
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
}

/** What was saved. */
interface Saved {
  readonly address: string;
  readonly slot: number;
  readonly cluster: string;
}

/** A replica that does not answer for so long is left out. */
const slotWithinMs = 10_000;

/** Writes a backup of a running cluster. */
export async function save({ file, replica, force, json }: SaveArguments): Promise<void> {
  const targets = await replicaTargets(replica);
  await interruptible(`${file} was not written`, async (signal) => {
    const startedAt = performance.now();
    const progress = new Progress("saving");
    const writer = await SnapshotWriter.create(file, force);
    try {
      const { address, slot, cluster } = await saveFromAny(targets, writer, progress, signal);
      signal.throwIfAborted();
      await writer.finish(force);
      const seconds = (performance.now() - startedAt) / 1000;
      const { keys, bytes } = writer.totals;
      const text = `${writer.file}: the state after slot ${slot} of cluster ${cluster}, from ${address}: ${amountText({ keys, bytes })}, in ${seconds.toFixed(1)} s`;
      const figures = { file: writer.file, cluster, slot, address, keys, bytes, seconds };
      process.stdout.write(`${json ? JSON.stringify(figures) : text}\n`);
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
        return await saveFrom(address, cluster, slot - 1, writer, progress, signal);
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

async function saveFrom(
  address: string,
  meant: string | undefined,
  above: number,
  writer: SnapshotWriter,
  progress: Progress,
  signal: AbortSignal,
): Promise<Saved> {
  let saved: Saved | undefined;
  let contents = new StateContents();
  const sink: SnapshotSink = {
    get digest() {
      return writer.digest;
    },
    begin: async ({ slot, clusterId, confirmed }) => {
      saved = { address, slot, cluster: clusterId };
      contents = new StateContents();
      await writer.begin({ cluster: clusterId, slot, confirmed, state: stateFormat, synod: version() });
    },
    take: async ({ entries, digest }) => {
      contents.add(entries);
      await writer.page(entries, digest);
      progress.at(writer.totals);
    },
  };
  const onGoingOn = (error: unknown) =>
    progress.say(`${address}: ${explain(error)}; going on with the same snapshot`);
  await fetchSnapshot({ address, cluster: meant, above, sink, signal, onGoingOn });
  if (saved === undefined) throw new Error("the snapshot had no page");
  contents.applied(saved.slot);
  return saved;
}

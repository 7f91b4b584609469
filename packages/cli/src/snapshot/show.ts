import { StateContents, UnfitBackup } from "@synod/state-machine";
import { exitCode, Failure } from "../failure.js";
import { print } from "../output.js";
import { formatTable } from "../table.js";
import { formatVersion } from "./format.js";
import { bytesText, interruptible, Progress } from "./progress.js";
import { SnapshotFile } from "./reader.js";

/** Prints what is in a backup, after all of it was read and found sound. */
export async function show({ file, json }: { file: string; json: boolean }): Promise<void> {
  await interruptible("nothing was changed", async (signal) => {
    const source = await SnapshotFile.open(file);
    try {
      const contents = await read(source, file, signal);
      await print(json ? JSON.stringify(figures(source, contents)) : text(source, contents, file));
    } finally {
      await source.close();
    }
  });
}

async function read(source: SnapshotFile, file: string, signal: AbortSignal): Promise<StateContents> {
  const progress = new Progress("reading");
  const contents = new StateContents(source.header.stopped !== undefined);
  try {
    for await (const page of source.pages()) {
      signal.throwIfAborted();
      contents.add(page);
      progress.at(source.totals);
    }
    contents.applied(source.header.slot);
  } catch (error) {
    if (!(error instanceof UnfitBackup)) throw error;
    throw new Failure(`${file}: no cluster can go on from this: ${error.message}`, exitCode.damaged);
  }
  return contents;
}

function figures({ header, totals }: SnapshotFile, contents: StateContents) {
  const { revision, logTimeMs } = contents.applied(header.slot);
  const { sessions, scheduled, services } = contents;
  return {
    ...header,
    format: formatVersion,
    logTimeMs,
    revision,
    sessions,
    scheduled,
    keys: totals.keys,
    bytes: totals.bytes,
    services,
  };
}

/** The confirmation of the state by other replicas (rule 27), in words. */
function confirmedText(slot: number, confirmed: number): string {
  if (confirmed >= slot) return "confirmed by a majority of the replicas";
  return confirmed > 0
    ? `confirmed by a majority of the replicas up to slot ${confirmed}`
    : "not confirmed by other replicas yet";
}

function text(source: SnapshotFile, contents: StateContents, file: string): string {
  const {
    cluster,
    slot,
    confirmed,
    stopped,
    synod,
    format,
    logTimeMs,
    revision,
    sessions,
    scheduled,
    keys,
    bytes,
    services,
  } = figures(source, contents);
  const lines = [
    ["slot", `${slot}, ${confirmedText(slot, confirmed)}`],
    ...(stopped === undefined ? [] : [["replica", stopped] as const]),
    ["cluster", cluster],
    ["written by", `Synod ${synod}, format ${format}`],
    ["log time", logTimeMs === 0 ? "not begun" : new Date(logTimeMs).toISOString()],
    ["commands", `${revision} executed, ${scheduled} waiting for log time`],
    ["sessions", `${sessions}`],
    ["keys", `${keys}, ${bytesText(bytes)} (${bytes} bytes)`],
  ];
  const rows = services.map((service) => [
    service.name,
    service.version === 0 ? "out of use" : `${service.version ?? "none"}`,
    `${service.keys}`,
    bytesText(service.bytes),
  ]);
  return [
    `${file}: a whole backup`,
    ...lines.map(([name = "", value]) => `  ${name.padEnd(10)}  ${value}`),
    "",
    formatTable(["SERVICE", "VERSION", "KEYS", "BYTES"], rows),
  ].join("\n");
}

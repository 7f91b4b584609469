// What a cluster holds, to compare before and after something that must change nothing.
import { quiet } from "./quiet.mjs";

/** What every replica and acceptor says it holds. @param {import("./processes.mjs").Processes} processes */
async function records(processes) {
  const lines = [];
  for (const id of [...processes.ids("replica"), ...processes.ids("acceptor")]) {
    const state = (await processes.status(id))?.state;
    if (state?.role === "replica") lines.push(`${id} slot_out ${state.slotOut} hash ${state.hash}`);
    if (state?.role === "acceptor")
      lines.push(`${id} highest slot ${state.highestSlot} promised ${JSON.stringify(state.promised)}`);
  }
  return lines;
}

/** The same, once nothing is decided any more that nobody asked for. @param {import("./processes.mjs").Processes} processes */
export async function settledRecords(processes) {
  await quiet(processes.replicas[0] ?? "");
  return records(processes);
}

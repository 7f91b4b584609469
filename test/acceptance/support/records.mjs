// What a cluster holds, to compare before and after something that must change nothing.
import { until } from "./processes.mjs";

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

/** The same, once two looks agree. @param {import("./processes.mjs").Processes} processes */
export async function settledRecords(processes) {
  let last = await records(processes);
  await until("nothing to move any more", async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = await records(processes);
    const same = now.join() === last.join();
    last = now;
    return same;
  });
  return last;
}

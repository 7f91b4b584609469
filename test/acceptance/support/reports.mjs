// What a replica says of its disk, in the log, beside what it really has on it, in its status.
import { until } from "./processes.mjs";
import { callRaw } from "./raw.mjs";

/**
 * @typedef {{ slotOut: number, durableSlot: number, trimPoint: number }} Progress
 * @typedef {{ victim: Progress | undefined, others: Progress[] }} Seen
 * @typedef {{ decidedIn: number, slot: number, store: string }} Reported
 */

const everyMs = 100;
/** Between looks at the log: often enough for what replicas keep of it, and seldom enough not to be a load. */
const readEveryMs = 1_000;
/** Until it has told of its new disk. */
const toldWithinMs = 300_000;
/** Before the loss: its last report there names its old disk. */
const slotsBefore = 1_000;

/**
 * Looks at all replicas again and again, and reads the log from here on.
 * @param {import("./processes.mjs").Processes} processes @param {string} victim
 */
export async function followReplicas(processes, victim) {
  /** @type {Seen[]} */
  const seen = [];
  const others = processes.ids("replica").filter((id) => id !== victim);
  let since = 0;
  await until("a replica to say where the log stands", async () => {
    const slots = await Promise.all(
      others.map(async (id) => (await progressOf(processes, id))?.slotOut ?? 0),
    );
    since = Math.max(...slots);
    return since > 0;
  });
  let over = false;
  const following = (async () => {
    while (!over) {
      const [own, ...rest] = await Promise.all([victim, ...others].map((id) => progressOf(processes, id)));
      seen.push({ victim: own, others: rest.filter((one) => one !== undefined) });
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  const reports = reportsIn(processes.address(others[0] ?? ""), victim, since, () => over);
  reports.catch(() => {}); // told by `reportOf`
  return {
    /** The lowest slot that no other had applied when this began. */
    since,
    /** Every report that tells of its new disk, up to the first that says there is something on it. */
    reportOf: () => reports,
    stop: async () => {
      over = true;
      await following;
      return seen;
    },
  };
}

/** @param {import("./processes.mjs").Processes} processes @param {string} id @returns {Promise<Progress | undefined>} */
async function progressOf(processes, id) {
  const state = (await processes.status(id, 500))?.state;
  if (state?.role !== "replica") return undefined;
  const { slotOut, durableSlot, trimPoint } = state;
  return { slotOut, durableSlot, trimPoint };
}

/** @param {string} address @param {string} victim @param {number} since @param {() => boolean} over */
async function reportsIn(address, victim, since, over) {
  /** @type {Reported[]} */
  const reports = [];
  const giveUpAt = performance.now() + toldWithinMs;
  for (let slot = Math.max(1, since - slotsBefore); performance.now() < giveUpAt && !over(); ) {
    const { code, response } = await callRaw(address, "synod.v1.Replica/Log", {
      from: String(slot),
      limit: 0,
    });
    const decisions = code === "OK" ? (response.decisions ?? []) : [];
    for (const { slot: decidedIn, value } of decisions) {
      slot = Number(decidedIn) + 1;
      for (const { service, method, request } of value.batch?.commands ?? []) {
        if (service !== "synod.v1.Replica" || method !== "Report") continue;
        const said = JSON.parse(String(request));
        if (said.replica === victim)
          reports.push({ decidedIn: slot - 1, slot: said.slot, store: said.store });
      }
    }
    const before = reports.findLast(({ decidedIn }) => decidedIn < since)?.store;
    const own = reports.filter(({ store, decidedIn }) => decidedIn >= since && store !== before);
    if (before === undefined && slot > since)
      throw new Error(`${victim} reported nothing before slot ${since}`);
    if (own.some((report) => report.slot > 0)) return own;
    if (decisions.length === 0) await new Promise((resolve) => setTimeout(resolve, readEveryMs));
  }
  throw new Error(`${victim} told nothing of its new disk within ${toldWithinMs} ms`);
}

/**
 * Where a replica told of more than it had, or the trim point was beyond what two replicas had on disk. What is looked at
 * later can only be more than what was there at the time.
 * @param {Seen[]} seen @param {Reported[]} reports
 */
export function prematureReports(seen, reports) {
  const problems = [];
  for (const { decidedIn, slot } of reports) {
    // Not where the victim gave no answer: that says nothing of its disk.
    const after = seen.find(
      ({ victim, others }) => victim !== undefined && others.some(({ slotOut }) => slotOut > decidedIn),
    );
    const had = after?.victim?.durableSlot ?? 0;
    if (after && slot > had) problems.push(`slot ${decidedIn} reports slot ${slot}, and ${had} was on disk`);
  }
  for (const [index, { others, victim }] of seen.slice(0, -1).entries()) {
    const next = seen[index + 1];
    if (next === undefined || next.others.length < 2) continue;
    const trimPoint = Math.max(0, ...others.map((one) => one.trimPoint), victim?.trimPoint ?? 0);
    const durable = [next.victim, ...next.others].map((one) => one?.durableSlot ?? 0).sort((a, b) => b - a);
    if (trimPoint > (durable[1] ?? 0))
      problems.push(
        `the trim point is ${trimPoint}, and the second of the replicas had ${durable[1]} on disk`,
      );
  }
  return [...new Set(problems)].slice(0, 5);
}

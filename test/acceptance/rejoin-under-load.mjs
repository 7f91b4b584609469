// A replica with much state loses its disk while much is written, and is brought up by another one: undisturbed, with the one
// that gives its state killed half-way, and over a link that breaks again and again.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { connect } from "@synod/client";
import { BreakableLinks } from "./support/breakable-links.mjs";
import { flagNumber } from "./support/flags.mjs";
import { equalReplicas } from "./support/load.mjs";
import { Pace } from "./support/pace.mjs";
import { Processes, until } from "./support/processes.mjs";

export const name = "rejoin-under-load";
export const promise =
  "a replica that lost 2 GiB of state is back within 15 minutes under a third of the peak load: undisturbed, with the giver killed half-way, " +
  "and with its link cut ten times; no command fails for it";

const victim = "r3";
const valueBytes = 4 << 10;
const rowsOfCommand = 100;
const outstanding = 8;
const nearSlots = 1_000;
const peakSeconds = 10;
/** For 2 GiB, on two cores that all members and clients share; docs/operations.md names it. */
const withinMs = 15 * 60_000;

/** @typedef {import("@synod/wire").ReplicaRoleStatus} State */
/** @typedef {{ kind: string, seconds: number, installedAfterSeconds: number, snapshots: number, cuts: number, killed: string, from: string[], bytesCarried: number, before: ReturnType<Pace["window"]>, during: ReturnType<Pace["window"]>, diskMiB: Record<string, number> }} Round */

/**
 * @param {import("./run.mjs").Options} options `--mib N` of state, 64 for a short form; `--cuts N`; `--only undisturbed`,
 *   `killed` or `cut`; `--share N` of the peak instead of a third
 */
export async function run({ parameters, progress }) {
  const mib = flagNumber(parameters, "--mib", 2_048);
  const cuts = flagNumber(parameters, "--cuts", 10);
  const share = flagNumber(parameters, "--share", 3);
  const only = parameters[parameters.indexOf("--only") + 1];
  const kinds = ["undisturbed", "killed", "cut"].filter(
    (kind) => !parameters.includes("--only") || kind === only,
  );
  const processes = await Processes.prepare();
  const others = processes.ids("replica").filter((id) => id !== victim);
  const links = await BreakableLinks.between(processes, victim, others);
  for (const { id } of processes.plan.members) processes.start(id);
  /** @type {Pace | undefined} */
  let pace;
  try {
    await processes.ready();
    await fill(processes.replicas, mib, progress);
    pace = new Pace(processes.replicas, { valueBytes, keys: 50_000 });
    await pace.ready();
    const peak = await peakOf(pace);
    progress(`peak: ${peak} puts/s of ${valueBytes} bytes`);
    pace.rate(peak / share);
    /** @type {Round[]} */
    const rounds = [];
    for (const kind of kinds) {
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      const round = await loseDisk({
        processes,
        pace,
        links,
        cuts: kind === "cut" ? cuts : 0,
        kind,
        progress,
      });
      progress(JSON.stringify(round));
      rounds.push(round);
    }
    await pace.stop();
    const { equal } = await equalReplicas(processes);
    const slowestSeconds = Math.max(...rounds.map(({ seconds }) => seconds));
    const disturbed = rounds.every(({ kind, killed, cuts: made }) =>
      kind === "killed" ? killed !== "" : kind !== "cut" || made === cuts,
    );
    const failed = Object.fromEntries(pace.failed);
    return {
      holds: slowestSeconds * 1_000 <= withinMs && disturbed && equal && pace.failed.size === 0,
      figures: { mib, peakPerSecond: peak, valueBytes, slowestSeconds, replicasEqual: equal, failed, rounds },
    };
  } finally {
    pace?.kill();
    await links.close();
    await processes.end();
  }
}

/** @param {string[]} replicas @param {number} mib @param {(line: string) => void} progress */
async function fill(replicas, mib, progress) {
  const client = connect({ replicas, deadlineMs: 120_000, silenceMs: 30_000 });
  /** @type {{ CompareAndSet(request: { writes: { key: string, put: Uint8Array }[] }): Promise<{ succeeded: boolean }> }} */
  const store = client.service("synod.kv.v1.KeyValue");
  const rows = (mib * 2 ** 20) / valueBytes;
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    for (let from = next; from < rows; from = next) {
      next = from + rowsOfCommand;
      const writes = Array.from({ length: rowsOfCommand }, (_, index) => ({
        key: `row-${String(from + index).padStart(9, "0")}`,
        put: Buffer.alloc(valueBytes, `${from + index} `),
      }));
      await store.CompareAndSet({ writes });
    }
  };
  try {
    await Promise.all(Array.from({ length: outstanding }, worker));
  } finally {
    client.close();
  }
  progress(
    `${mib} MiB of state in ${rows} rows after ${Math.round((performance.now() - startedAt) / 1000)} s`,
  );
}

/** Commands a second with as many outstanding as help. @param {Pace} pace */
async function peakOf(pace) {
  pace.outstanding(768);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const from = Date.now();
  await new Promise((resolve) => setTimeout(resolve, peakSeconds * 1_000));
  return pace.window(from, Date.now()).perSecond;
}

/**
 * @param {{ processes: Processes, pace: Pace, links: BreakableLinks, cuts: number, kind: string, progress: (line: string) => void }} round
 * @returns {Promise<Round>}
 */
async function loseDisk({ processes, pace, links, cuts, kind, progress }) {
  const lostAt = Date.now();
  const bytesBefore = links.bytes;
  await processes.kill(victim);
  processes.loseData(victim);
  processes.start(victim);
  let [made, killed, installedAt, last, saidAt] = [0, "", 0, "", 0];
  /** @type {Map<string, Set<number>>} */
  const snapshots = new Map();
  await until(
    `${victim} to catch up`,
    async () => {
      const state = await stateOf(processes, victim);
      if (state === undefined) return false;
      const { catchingUp } = state;
      if (catchingUp !== undefined && catchingUp.slot > 0) {
        const { from, slot, rows, ofRows } = catchingUp;
        snapshots.set(from, (snapshots.get(from) ?? new Set()).add(slot));
        const part = ofRows === 0 ? 0 : rows / ofRows;
        if (made < cuts && part > (made + 1) / (cuts + 2)) {
          made++;
          links.cut();
        }
        if (kind === "killed" && killed === "" && part > 0.5) {
          killed = from;
          await processes.kill(from);
          processes.start(from);
        }
      } else if (state.slotOut > 1 && installedAt === 0) installedAt = Date.now();
      const said = `${victim}: slot ${state.slotOut} of ${state.highestKnown}, ${JSON.stringify(catchingUp)}`;
      if (said !== last && Date.now() - saidAt > 5_000) {
        [last, saidAt] = [said, Date.now()];
        progress(said);
      }
      const slots = await Promise.all(
        processes.ids("replica").map(async (id) => (await stateOf(processes, id))?.slotOut ?? 0),
      );
      const near = state.slotOut > 1 && Math.max(...slots) - state.slotOut <= nearSlots;
      return near && (await processes.serving(victim));
    },
    withinMs * 2,
    100,
  );
  const backAt = Date.now();
  await processes.ready();
  const seconds = (backAt - lostAt) / 1000;
  return {
    kind,
    seconds,
    installedAfterSeconds: (installedAt - lostAt) / 1000,
    snapshots: [...snapshots.values()].reduce((sum, slots) => sum + slots.size, 0),
    cuts: made,
    killed,
    from: [...snapshots.keys()],
    bytesCarried: links.bytes - bytesBefore,
    before: pace.window(lostAt - Math.min(10_000, seconds * 1_000), lostAt),
    during: pace.window(lostAt, backAt),
    diskMiB: Object.fromEntries(processes.ids("replica").map((id) => [id, diskOf(processes, id)])),
  };
}

/** @param {Processes} processes @param {string} id */
function diskOf(processes, id) {
  const file = path.join(processes.member(id).data, "data.mdb");
  return existsSync(file) ? Math.round(statSync(file).size / 2 ** 20) : 0;
}

/** @param {Processes} processes @param {string} id */
async function stateOf(processes, id) {
  const state = (await processes.status(id, 1_000))?.state;
  return state?.role === "replica" ? state : undefined;
}

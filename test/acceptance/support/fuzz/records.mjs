// What a cluster holds, and whether that changed by more than its own members' and clients' doing.
import * as grpc from "@grpc/grpc-js";
import { systemService } from "@synod/state-machine";
import { batch, callUnary, replicaService } from "@synod/wire";
import { atLeast } from "../stored.mjs";

/**
 * @typedef {import("@synod/core").Ballot} Ballot
 * @typedef {import("../processes.mjs").Processes} Processes
 */

const client = "synod.kv.v1.KeyValue";
const clientMethod = "Append";
/** What replicas have decided by themselves. */
const ownMethods = ["OpenSession", "AdvanceTime", "Checkpoint", "Report", "InstallService"];

export class Records {
  #processes;
  #promised;
  #ballots;
  #slot;

  /** @param {Processes} processes @param {Map<string, Ballot>} promised @param {Ballot[]} ballots @param {number} slot */
  constructor(processes, promised, ballots, slot) {
    this.#processes = processes;
    this.#promised = promised;
    this.#ballots = ballots;
    this.#slot = slot;
  }

  /** As they are now. @param {Processes} processes */
  static async of(processes) {
    return new Records(
      processes,
      await promisesOf(processes),
      await ballotsOf(processes),
      await slotOf(processes),
    );
  }

  /** What was promised or decided since then that no member and no well-behaved client asked for. */
  async changes() {
    const problems = [];
    const ballots = [...this.#ballots, ...(await ballotsOf(this.#processes))];
    for (const [id, { round, leader, incarnation }] of await promisesOf(this.#processes)) {
      const before = this.#promised.get(id);
      const same = before?.round === round && before.leader === leader && before.incarnation === incarnation;
      const ofMember = ballots.some(
        (ballot) => ballot.leader === leader && ballot.incarnation === incarnation,
      );
      if (!same && !ofMember)
        problems.push(`${id} promised ${round}.${leader}.${incarnation}, a ballot of nobody`);
    }
    for (const { slot, what } of await decidedSince(this.#processes, this.#slot))
      problems.push(`slot ${slot} decided ${what}`);
    return problems;
  }

  /** What no message at all may do: a promise taken back. */
  async broken() {
    const now = await promisesOf(this.#processes);
    return [...this.#promised]
      .filter(([id, before]) => !atLeast(now.get(id), before))
      .map(([id]) => `${id} took back its promise`);
  }
}

/** @param {Processes} processes */
async function promisesOf(processes) {
  /** @type {Map<string, Ballot>} */
  const promised = new Map();
  for (const id of processes.ids("acceptor")) {
    const state = (await processes.status(id, 5_000))?.state;
    if (state?.role === "acceptor") promised.set(id, state.promised);
  }
  return promised;
}

/** Those of the leaders that run. @param {Processes} processes */
async function ballotsOf(processes) {
  const statuses = await Promise.all(processes.ids("leader").map((id) => processes.status(id, 5_000)));
  return statuses.flatMap((status) => (status?.state.role === "leader" ? [status.state.ballot] : []));
}

/** @param {Processes} processes */
async function slotOf(processes) {
  const state = (await processes.status("r1", 5_000))?.state;
  return state?.role === "replica" ? state.slotOut : 1;
}

/** What was decided from a slot on, but for the load's commands and the members' own. @param {Processes} processes */
async function decidedSince(processes, from = 1) {
  const connection = new grpc.Client(processes.address("r1"), grpc.credentials.createInsecure());
  /** @type {{ slot: number, what: string }[]} */
  const others = [];
  try {
    for (let next = from; next !== 0; ) {
      const request = { from: next, limit: 1_000, clusterId: "" };
      const page = await callUnary(connection, replicaService.Log, request, {
        deadline: Date.now() + 10_000,
      });
      for (const { slot, value } of page.decisions) {
        if (value.kind === "configuration") others.push({ slot, what: "a configuration" });
        if (value.kind !== "batch") continue;
        for (const { service, method } of batch.decode(value.commands).commands)
          if (!isExpected(service, method)) others.push({ slot, what: `${service}/${method}` });
      }
      next = page.next;
    }
  } finally {
    connection.close();
  }
  return others;
}

/** @param {string} service @param {string} method */
function isExpected(service, method) {
  return service === systemService
    ? ownMethods.includes(method)
    : service === client && method === clientMethod;
}

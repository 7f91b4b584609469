import { setTimeout as delay } from "node:timers/promises";
import type { DecideRemedyRequest } from "@synod/wire";
import { askStatus, decideRemedy, holdSlot } from "../calls.js";
import { decideWithinMs } from "../commands/decide.js";
import { Failure, reasonOf } from "../failure.js";
import { askWithinMs, type FoundReplica } from "./replicas.js";

/** The decision wanted about a slot. */
export type WantedRemedy = Pick<DecideRemedyRequest, "slot" | "skip" | "retire">;

/** The number of the next remedy for a slot, as far as the replicas know. */
export function nextNumber(replicas: readonly FoundReplica[], slot: number): number {
  const known = replicas.flatMap(({ halt }) => (halt?.slot === slot ? [halt.remedies] : []));
  return 1 + Math.max(0, ...known);
}

/**
 * Has a remedy decided for a slot that no replica has executed. Each promises first not to execute it meanwhile; so whatever
 * a client was answered for the slot, nobody takes it back.
 * @returns the slot that decided it
 */
export async function agreeOn(replicas: readonly FoundReplica[], wanted: WantedRemedy): Promise<number> {
  const { slot } = wanted;
  const number = nextNumber(replicas, slot);
  for (const { id, address, cluster } of replicas) {
    const { held, appliedSlot } = await holdSlot(address, slot, number, askWithinMs, cluster);
    if (held) continue;
    throw new Failure(
      appliedSlot >= slot
        ? `${id} has executed slot ${slot} meanwhile, and what it did there stands: the others take it over when they start in ` +
            `empty directories, or execute it after \`synod skip ${slot} --undo\``
        : `another remedy was decided for slot ${slot} meanwhile; look at \`synod status\` and try again`,
    );
  }
  return decideThrough(replicas, { ...wanted, number });
}

/** Ends the waiting for a decision about a slot: it is executed as it is. */
export function takeBack(replicas: readonly FoundReplica[], slot: number): Promise<number> {
  return decideThrough(replicas, { slot, number: nextNumber(replicas, slot), retire: [] });
}

/** It may be decided twice without harm: the second counts as the first. */
async function decideThrough(
  replicas: readonly FoundReplica[],
  remedy: DecideRemedyRequest,
): Promise<number> {
  const troubles: string[] = [];
  // One that stopped further down looks ahead for another slot, and would not learn that this was decided.
  const nearest = [...replicas].sort((a, b) => b.appliedSlot - a.appliedSlot);
  for (const { id, address, cluster } of nearest) {
    try {
      return await decideRemedy(address, remedy, decideWithinMs, cluster);
    } catch (error) {
      troubles.push(`  ${id}: ${reasonOf(error)}`);
    }
  }
  throw new Failure(
    [
      `nothing was decided about slot ${remedy.slot}, as far as is known:`,
      ...troubles,
      "run the same command again when leaders and acceptors work",
    ].join("\n"),
  );
}

const goOnWithinMs = 10_000;
const lookMs = 200;

/** Waits a while for the replicas to execute a slot. Returns one line for each, on how it fares. */
export async function goOn(replicas: readonly FoundReplica[], slot: number): Promise<string[]> {
  const until = performance.now() + goOnWithinMs;
  return Promise.all(
    replicas.map(async (replica) => {
      const { id } = replica;
      for (;;) {
        const said = await progressOf(replica, slot).catch(reasonOf);
        if (said === "") return `${id} goes on`;
        if (performance.now() > until) return `${id}: ${said}`;
        await delay(lookMs);
      }
    }),
  );
}

/** The reason why a replica has not executed a slot yet; empty when it has. */
async function progressOf({ address, cluster }: FoundReplica, slot: number): Promise<string> {
  const { state, problem } = await askStatus(address, askWithinMs, cluster);
  if (state.role !== "replica") return "not a replica";
  return state.slotOut > slot && state.halt === undefined ? "" : problem || `it is at slot ${state.slotOut}`;
}

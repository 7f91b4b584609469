import type { RoleName } from "../cluster/plan.js";
import { reasonOf } from "../failure.js";
import { rememberedMembers, requireAddresses } from "../targets.js";
import type { Answered, RoleReport } from "./report.js";

/** A process to ask, with what is known of it beforehand. */
export interface Known {
  readonly role: RoleName;
  /** Its address when nothing better is known. */
  readonly id: string;
  readonly address: string;
}

/** Asks one process; rejects with a reason when it gives no answer in time. */
export type Ask = (address: string) => Promise<Answered>;

/** Whom to ask first: the replicas given, else everybody in the cluster that `up` last started here. */
export function startingPoints(given: readonly string[], workingDirectory: string): readonly Known[] {
  if (given.length === 0) return rememberedMembers(workingDirectory);
  return requireAddresses(given).map((address) => ({ role: "replica", id: address, address }));
}

/**
 * Whom each role dials. Only their addresses are asked in turn: of a peer that connected by itself, the address is the
 * far end of that connection, where nobody listens.
 */
const dials: Readonly<Record<RoleName, readonly string[]>> = {
  replica: ["leader"],
  leader: ["leader", "acceptor"],
  acceptor: [],
};

/** Asks the processes given, and then whoever they dial, until nobody new turns up. */
export async function gather(start: readonly Known[], ask: Ask): Promise<RoleReport[]> {
  const reports = new Map<string, RoleReport>();
  let wave = [...start];
  while (wave.length > 0) {
    const found = await Promise.all(wave.map((known) => report(known, ask)));
    for (const one of found) reports.set(one.address, one);
    const next = new Map<string, Known>();
    for (const { id, role, address } of found.flatMap(dialed)) {
      if (!reports.has(address)) next.set(address, { role, id, address });
    }
    wave = [...next.values()];
  }
  return withoutRepeats([...reports.values()]);
}

function dialed(one: RoleReport): Known[] {
  if (!one.answered) return [];
  return one.peers.flatMap(({ role, id, address }) =>
    role !== "client" && dials[one.role].includes(role) ? [{ role, id, address }] : [],
  );
}

async function report(known: Known, ask: Ask): Promise<RoleReport> {
  try {
    return { ...(await ask(known.address)), address: known.address };
  } catch (error) {
    return { ...known, answered: false, reason: reasonOf(error) };
  }
}

/** One process may be known under two addresses ("localhost" and 127.0.0.1): it is one line all the same. */
function withoutRepeats(reports: readonly RoleReport[]): RoleReport[] {
  const byMember = new Map<string, RoleReport>();
  for (const one of reports) {
    const key = `${one.role} ${one.id}`;
    const known = byMember.get(key);
    if (known === undefined || (one.answered && !known.answered)) byMember.set(key, one);
  }
  return [...byMember.values()];
}

import type { LogPage, LogRequest, SnapshotPage, SnapshotRequest } from "@synod/wire";
import type { SimulatedNode } from "./node.js";
import { Violation } from "./violation.js";

/** A reader may be silent for so long, in ticks; what is kept for it is kept longer. */
const silentTicks = 4_000;

/** A replica looks at the length of its log more often than that. */
const trimTicks = 100;

/** What one replica has given to another one. */
interface Given {
  /** The giver's life, and the reader's directory. */
  readonly life: number;
  readonly store: string;
  readonly snapshot: string;
  readonly slot: number;
  at: number;
}

/**
 * Watches that whoever gives its state keeps the snapshot until the reader has it, and the log behind it until the reader is
 * beyond (rule 19): one that has to begin anew again and again never gets there while much is written.
 */
export class GiverChecker {
  readonly #given = new Map<string, Given>();
  /** The tick in which each replica last gave some of its log to another one, or got some. */
  readonly #lastLog = new Map<string, number>();
  /** The times that another state took the place of each replica's. */
  readonly #replacements = new Map<string, number>();
  #violation: Violation | undefined;

  /** This replica has neither given nor got a log for a while, so that it has had the time to let go of its own. */
  rests({ peer }: SimulatedNode, now: number): boolean {
    return now - (this.#lastLog.get(peer.id) ?? 0) > trimTicks;
  }

  /** The first promise that was found broken; whoever was told something else does not know it. */
  demand(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** Another state took the place of a replica's, and with it its log: it promises nothing of what it gave before. */
  replaced(giver: string): void {
    this.#replacements.set(giver, this.#replacementsOf(giver) + 1);
    for (const name of this.#given.keys()) if (name.startsWith(`${giver}>`)) this.#given.delete(name);
  }

  /** A reader that needs a state beyond the one it was given wants nothing more of that (rule 32). */
  asked(giver: SimulatedNode, reader: SimulatedNode, { resume, above }: SnapshotRequest): void {
    const given = this.#given.get(nameOf(giver, reader));
    if (given !== undefined && resume === undefined && above >= given.slot)
      this.#given.delete(nameOf(giver, reader));
  }

  /** A page leaves its giver; to be called back when it has arrived. */
  page(giver: SimulatedNode, reader: SimulatedNode, { snapshot, slot }: SnapshotPage): (now: number) => void {
    const { peer, life } = giver;
    this.#demandLog(giver, reader, slot);
    const replacements = this.#replacementsOf(peer.id);
    return (at) => {
      if (this.#replacementsOf(peer.id) !== replacements) return;
      const store = reader.stateDisk?.store ?? "";
      this.#given.set(nameOf(giver, reader), { life, store, snapshot, slot, at });
    };
  }

  refused(
    giver: SimulatedNode,
    reader: SimulatedNode,
    { resume }: SnapshotRequest,
    code: number | undefined,
    now: number,
  ): void {
    const given = this.#of(giver, reader, now);
    if (code !== 5 || resume === undefined || given?.snapshot !== resume.snapshot) return;
    this.#violation ??= new Violation(
      `${giver.peer.id} does not keep the snapshot of slot ${given.slot} any more, of which ${reader.peer.id} has a part`,
    );
  }

  log(
    giver: SimulatedNode,
    reader: SimulatedNode,
    { from, limit, reader: says }: LogRequest,
    { decisions }: Pick<LogPage, "decisions">,
    now: number,
  ): void {
    for (const { peer } of [giver, reader]) this.#lastLog.set(peer.id, now);
    const given = this.#of(giver, reader, now);
    if (given === undefined || says === undefined || says.durableSlot < given.slot) return;
    given.at = now;
    const first = decisions[0]?.slot ?? from;
    // One that takes its leave needs nothing more, nor does one that leaders can tell all that its disk lacks.
    const toldByLeaders = says.durableSlot >= (giver.process?.engine.system.reports.trimPoint ?? 0);
    if (limit === 1 || (toldByLeaders && first <= from)) this.#given.delete(nameOf(giver, reader));
    else if (first > from)
      this.#violation ??= new Violation(
        `${giver.peer.id} gave ${reader.peer.id} the state of slot ${given.slot} and keeps the log from ${first} on; ` +
          `${reader.peer.id} has slot ${says.durableSlot} and asks for ${from}`,
      );
  }

  /** The rest of a state that its reader cannot go on behind would be sent in vain. */
  #demandLog(giver: SimulatedNode, reader: SimulatedNode, slot: number): void {
    const { log, process, peer } = giver;
    if (log === undefined || (process?.engine.system.versions.lastSwitch ?? 0) > slot) return;
    const { first, last } = log;
    if (first === 0 ? last <= slot : first <= slot + 1) return;
    this.#violation ??= new Violation(
      `${peer.id} gives ${reader.peer.id} a page of the state of slot ${slot}, and its log goes from ${first} to ${last}`,
    );
  }

  #replacementsOf(giver: string): number {
    return this.#replacements.get(giver) ?? 0;
  }

  #of(giver: SimulatedNode, reader: SimulatedNode, now: number): Given | undefined {
    const given = this.#given.get(nameOf(giver, reader));
    if (given === undefined) return undefined;
    const { life, store, at, slot } = given;
    // What was decided before a switch is not for others to execute (rule 32).
    const lastSwitch = giver.process?.engine.system.versions.lastSwitch ?? 0;
    const same = life === giver.life && store === reader.stateDisk?.store;
    return same && now - at < silentTicks && lastSwitch <= slot ? given : undefined;
  }
}

function nameOf(giver: SimulatedNode, reader: SimulatedNode): string {
  return `${giver.peer.id}>${reader.peer.id}`;
}

import { compareBallots, sameBallot } from "../ballot.js";
import type { Limits } from "../limits.js";
import type { LeaderStatus, ToLeader } from "../message.js";
import type { Outputs } from "../output.js";

/** A leader that says it is active, and its status. */
export interface ActiveLeader {
  readonly id: string;
  readonly status: LeaderStatus;
}

/** A connected leader: its last status, and for how many ticks it has said nothing. */
interface KnownLeader {
  status: LeaderStatus | undefined;
  silentTicks: number;
}

/** The leaders that a replica is connected with, and which of them it takes for the active one. */
export class KnownLeaders {
  readonly #limits: Limits;
  readonly #outputs: Outputs;
  readonly #leaders = new Map<string, KnownLeader>();

  constructor(limits: Limits, outputs: Outputs) {
    this.#limits = limits;
    this.#outputs = outputs;
  }

  /** The connected leader that says it is active, with the highest ballot. */
  get active(): ActiveLeader | undefined {
    let best: ActiveLeader | undefined;
    for (const [id, { status }] of this.#leaders) {
      if (!status?.active) continue;
      if (!best || compareBallots(status.ballot, best.status.ballot) > 0) best = { id, status };
    }
    return best;
  }

  /** Ids of the acceptors that the active leader does not reach; of any leader when none is active. */
  get unreachable(): readonly string[] {
    const { active } = this;
    const told = [...this.#leaders.values()].flatMap(({ status }) => status ?? []);
    const ids = active ? active.status.unreachable : told.flatMap(({ unreachable }) => unreachable);
    return [...new Set(ids)].sort();
  }

  connected(id: string): void {
    this.#leaders.set(id, { status: undefined, silentTicks: 0 });
  }

  disconnected(id: string): void {
    this.#leaders.delete(id);
  }

  tick(): void {
    for (const leader of this.#leaders.values()) leader.silentTicks++;
  }

  heard(id: string): void {
    const leader = this.#leaders.get(id);
    if (leader) leader.silentTicks = 0;
  }

  /** @returns the active leader, if it is another one by this status, or leads another ballot */
  update(id: string, status: LeaderStatus): ActiveLeader | undefined {
    const before = this.active;
    const leader = this.#leaders.get(id);
    if (leader) leader.status = status;
    const { active } = this;
    const same = active && before?.id === active.id && sameBallot(before.status.ballot, active.status.ballot);
    return same ? undefined : active;
  }

  /** Sends to one leader. */
  tell(id: string, message: ToLeader): void {
    this.#outputs.send({ role: "leader", id }, message);
  }

  tellAll(message: ToLeader): void {
    for (const id of this.#leaders.keys()) this.tell(id, message);
  }

  /** Sends to the active leader. When none is known, or it has been silent for long, all are to hear, and pass on. */
  tellActive(message: ToLeader): void {
    const id = this.#heard;
    if (id === undefined) this.tellAll(message);
    else this.tell(id, message);
  }

  /** The active leader, unless it has been silent for the suspicion time. */
  get #heard(): string | undefined {
    const id = this.active?.id;
    if (id === undefined) return undefined;
    const { silentTicks = 0 } = this.#leaders.get(id) ?? {};
    return silentTicks > this.#limits.suspectAfterTicks ? undefined : id;
  }
}

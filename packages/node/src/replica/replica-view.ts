import type { AcceptorMember, ReplicaState } from "@synod/core";
import type { Engine } from "@synod/state-machine";
import type { CatchingUpStatus, HaltStatus, PeerStatus, ServiceVersionStatus, Status } from "@synod/wire";
import { quorumProblem } from "../leader/quorum-text.js";
import { progressText } from "./catch-up/progress.js";
import type { Performer } from "./performer.js";

/** Slots known to be decided and not applied, beyond which a replica is behind and says NOT_SERVING. */
const maxSlotsBehind = 64;

/** The reason why a replica can have nothing decided now; empty when nothing stands in the way. */
export function obstacleOf(
  { leader, unreachable }: Pick<ReplicaState, "leader" | "unreachable">,
  acceptors: readonly AcceptorMember[],
  leaders: readonly Pick<PeerStatus, "id" | "connected" | "problem">[],
): string {
  const ids = acceptors.map(({ id }) => id);
  const quorum = quorumProblem(ids, unreachable);
  if (quorum !== "" || leader !== undefined) return quorum;
  const connected = leaders.filter((link) => link.connected).map(({ id }) => id);
  if (connected.length === 0)
    return `no active leader known: ${leaders.map(({ id, problem }) => `${id}: ${problem}`).join("; ")}`;
  return `no active leader known: none of ${connected.join(", ")} leads yet`;
}

/**
 * The lag of a replica, in words; empty when there is none. Below the trim point nobody but another replica may know what it lacks, so
 * until it has that it is not one to rely on: whoever restarts replicas one by one waits for it.
 */
export function lagOf(
  { highestKnown, slotOut, trimmedBelow }: Pick<ReplicaState, "highestKnown" | "slotOut" | "trimmedBelow">,
  progress?: CatchingUpStatus,
): string {
  if (slotOut < trimmedBelow) {
    const source = progress === undefined ? "another replica" : progressText(progress);
    return `${trimmedBelow - slotOut} slots below what acceptors keep: catching up from ${source}`;
  }
  const behind = highestKnown - slotOut + 1;
  return behind > maxSlotsBehind
    ? `${behind} slots behind: catching up from slot ${slotOut} to ${highestKnown}`
    : "";
}

/** The part of a status that is a replica's. */
export type ReplicaStatus = Status["state"] & { readonly role: "replica" };

interface ReplicaParts {
  readonly engine: Engine;
  readonly performer: Pick<Performer, "halted" | "remediesOfNext">;
  readonly role: ReplicaState;
  readonly durableSlot: number;
  /** Problems that do not keep it from going on. */
  readonly warnings: readonly string[];
  /** Another replica brings it up. */
  readonly catchingUp: CatchingUpStatus | undefined;
}

export function replicaStateOf({
  engine,
  performer,
  role: { leader = "", unreachable: _, ...state },
  durableSlot,
  warnings,
  catchingUp,
}: ReplicaParts): ReplicaStatus {
  const { system } = engine;
  return {
    role: "replica",
    ...state,
    slotOut: engine.appliedSlot + 1,
    leader,
    hash: engine.hash,
    durableSlot,
    services: servicesOf(system),
    trimPoint: system.reports.trimPoint,
    lastSwitch: system.versions.lastSwitch,
    node: system.ground.node,
    runtime: system.ground.runtime,
    stateBytes: engine.stateBytes,
    quotaBytes: system.quotaBytes,
    warnings,
    halt: haltStatus(performer),
    catchingUp,
  };
}

/** The reason why a replica executes nothing more, for status; undefined while it does. */
function haltStatus({
  halted,
  remediesOfNext,
}: Pick<Performer, "halted" | "remediesOfNext">): HaltStatus | undefined {
  if (halted === undefined) return undefined;
  const { kind, slot, command } = halted;
  const status = { kind, slot, remedies: remediesOfNext };
  return command === undefined ? status : { ...status, command: command.index };
}

/** The replicated services as this replica has them, by name. */
function servicesOf({ offers, versions: { all: versions } }: Engine["system"]): ServiceVersionStatus[] {
  const names = new Set([...offers.map(({ service }) => service), ...versions.keys()]);
  return [...names].sort().map((name) => {
    const { oldest = 0, newest = 0, build = "" } = offers.find(({ service }) => service === name) ?? {};
    return { name, inForce: versions.get(name) ?? 0, oldestOffered: oldest, newestOffered: newest, build };
  });
}

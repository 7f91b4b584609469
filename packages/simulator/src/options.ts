import { defaultLimits, type Limits, type Random, randomBelow } from "@synod/core";
import { drawDiskRates, drawUsualRates, type FaultRates } from "./fault-event.js";

/** Delays of messages: all alike up to `maxDelay`, or mostly one tick and now and then ten times `maxDelay`. */
export type DelayKind = "even" | "long-tailed";

/** The world that one seed draws before a run. Printed with it. */
export interface WorldOptions {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
  readonly window: number;
  readonly clients: number;
  /** Ticks of the part with faults. */
  readonly faultyTicks: number;
  /** Ticks within which everything waiting must finish once faults stop. */
  readonly calmTicks: number;
  readonly loss: number;
  readonly duplication: number;
  readonly delay: DelayKind;
  /** Largest usual delay of a message, in ticks; order is not kept. */
  readonly maxDelay: number;
  /** Events of each kind per thousand ticks. */
  readonly faults: FaultRates;
  /** Probability per tick that a client asks for something more. */
  readonly request: number;
  /** Commands that a client has outstanding at most. */
  readonly outstanding: number;
  /** Probability per tick that an acceptor's disk is synced. */
  readonly sync: number;
  /** Probability per tick that a flush of a replica's state begins, or that the one under way ends. */
  readonly flush: number;
  /** The factor by which a replica's reports of its disk come sooner than in a real cluster. */
  readonly reportHaste: number;
  /** Slots of the decided log that a replica keeps for others. */
  readonly keptLog: number;
  /** Sessions that the replicated state holds. */
  readonly maxSessions: number;
  /** Bytes that the commands of a slot may write, read and answer until the others are put off; 0 for as many as in a real cluster. */
  readonly slotBytes: number;
  /** Milliseconds that a command takes its replica to be executed. */
  readonly handlerMs: number;
  /** Probability that a message which tells of trimming is lost, besides `loss`. */
  readonly trimLoss: number;
  /** One acceptor hears of no trimming while there are faults. */
  readonly deafAcceptor: boolean;
  /** The most by which clocks run faster or slower than time does, as a fraction of it. */
  readonly drift: number;
  /** Probability that a process ticks ten times more slowly than the others. */
  readonly slow: number;
  /** Acceptors that run from the start and belong to no configuration at first. */
  readonly spareAcceptors: number;
  /** Probability per tick that a configuration with other acceptors is proposed (rules 22 and 23). */
  readonly reconfigure: number;
  /** When faults stop, most links stay cut for ever: see `Star` in recovery.ts. */
  readonly star: boolean;
  /** Ticks, for each replica, in which nobody asks anything once faults are over (rule 35); not in a star. */
  readonly idleTicks: number;
  /**
   * Why replicas are away in that time: the process of one is down or stands still, one is cut off from leaders, or all are.
   */
  readonly idleAbsence: "process" | "links" | "standstill";
  /** A store that was rolled back goes on voting though its start count shows it: nothing is promised then (rule 5). */
  readonly rollBackUncured: boolean;
  /**
   * Members talk over streams as gRPC has them, dialed by the links that ship, instead of by messages that are lost, doubled and
   * reordered one by one: both hold whatever the core promises, and only streams show what links do.
   */
  readonly streams: boolean;
  /** Bytes that a stream carries in a tick, in each direction; 0 for any number. */
  readonly bandwidth: number;
  readonly limits: Limits;
  /** A user's service (`stock`) runs too; its versions are switched while replicas get newer builds of it, and older ones. */
  readonly upgrades: boolean;
  /** That service runs as replicas of a machine run it: each start of one in a realm of its own. */
  readonly realm: boolean;
  /** Probability per tick that somebody calls a method without a session. */
  readonly plainCalls: number;
  /** Probability that a connection between replicas breaks with a message, after the last fault too. */
  readonly interruptions: number;
  /** Bytes of a page of a snapshot: so few that a state has several pages. */
  readonly pageBytes: number;
  /** The state of a replica is saved now and then, and a new cluster made of it. */
  readonly backups: boolean;
  /** Releases of Synod with other engines are exchanged, and engines switched. */
  readonly engines: boolean;
  /** Clients ask for nothing more after the last fault: what waits has to finish without. */
  readonly quietEnd: boolean;
  /** Commands end the processes that execute them, and somebody has them skipped (rule 33); in no world of upgrades or engines. */
  readonly remedies: boolean;
  /** Probability per tick that a client does its worst: it fills queues, opens sessions without end, sends what is no command. */
  readonly hostile: number;
}

/** The sessions that one connection of a simulated client may open. */
export const openingLimits = { atOnce: 20, perSecond: 2 };

/** Small bounds, so that a short run meets all of them. */
export const simulatedLimits: Limits = {
  ...defaultLimits,
  suspectAfterTicks: 20,
  heartbeatTicks: 8,
  resendTicks: 8,
  reproposeTicks: 16,
  questionTicks: 3,
  scoutTicks: 60,
  delayTicks: 4,
  maxDelayTicks: 40,
  maxOutstandingProposals: 2,
  maxBatchCommands: 4,
  maxQueuedProposals: 16,
  maxPageSlots: 3,
  maxKeptDecisions: 8,
  maxKeptBytes: 2_560,
  maxAnswerSlots: 6,
};

/** Options drawn from streams of their own, so that all else stays what it is for each seed. */
type ServiceOptions = Pick<WorldOptions, "realm" | "backups" | "engines">;
type CallerOptions = Pick<WorldOptions, "plainCalls">;
type RemedyOptions = Pick<WorldOptions, "remedies">;
type SlotOptions = Pick<WorldOptions, "slotBytes">;
type HostileOptions = Pick<WorldOptions, "hostile">;
type LinkOptions = Pick<WorldOptions, "bandwidth">;
/** Those that are drawn apart from the others. */
type ApartOptions = ServiceOptions &
  CallerOptions &
  RemedyOptions &
  SlotOptions &
  HostileOptions &
  LinkOptions &
  Pick<WorldOptions, "quietEnd">;

export function drawServiceOptions(random: Random): ServiceOptions {
  return { realm: random() < 0.5, backups: random() < 0.1, engines: random() < 0.1 };
}

export function drawCallerOptions(random: Random): CallerOptions {
  return { plainCalls: random() < 0.15 ? 0.02 + random() * 0.1 : 0 };
}

/** Leaders that stand at once whenever they doubt another, over acceptors with slow disks: many ballots in each slot. */
const restless = { suspectAfterTicks: 7, heartbeatTicks: 3, delayTicks: 1, maxDelayTicks: 2, scoutTicks: 30 };

/** Draws what few seeds have: more replicas than usual, leaders in each other's way, an end in which nobody asks anything. */
export function drawRareOptions(
  random: Random,
  { limits }: Pick<WorldOptions, "limits">,
): Pick<WorldOptions, "quietEnd"> & Partial<WorldOptions> {
  const [many, duels, quietEnd] = [random() < 0.05, random() < 0.05, random() < 0.1];
  return {
    quietEnd,
    // Calls that come far between: a client has done with some while others still wait, and makes no new one.
    ...(quietEnd && { request: 0.006, outstanding: 8, loss: 0.2, maxSessions: 3 }),
    ...(many && { replicas: 5 }),
    ...(duels && { leaders: 3, sync: 0.1, limits: { ...limits, ...restless } }),
  };
}

export function drawRemedyOptions(random: Random): RemedyOptions {
  return { remedies: random() < 0.07 };
}

/** In some worlds every slot has room for one or two commands. */
export function drawSlotOptions(random: Random): SlotOptions {
  return { slotBytes: random() < 0.05 ? 400 + randomBelow(random, 2_000) : 0 };
}

export function drawHostileOptions(random: Random): HostileOptions {
  return { hostile: random() < 0.06 ? 0.02 + random() * 0.1 : 0 };
}

/** In a few of the worlds where members talk over streams, these are slow (rule 29). */
export function drawLinkOptions(random: Random): LinkOptions {
  return { bandwidth: random() < 0.2 ? 500 + randomBelow(random, 4_000) : 0 };
}

export function drawOptions(random: Random): Omit<WorldOptions, keyof ApartOptions> {
  const chance = (probability: number, high: number) => (random() < probability ? random() * high : 0);
  const acceptors = random() < 0.75 ? 3 : 5;
  const changing = acceptors === 3 && random() < 0.2;
  const options = {
    acceptors,
    leaders: random() < 0.1 ? 1 : random() < 0.6 ? 2 : 3,
    replicas: random() < 0.3 ? 2 : 3,
    window: random() < 0.5 ? 3 : 8,
    clients: 3 + randomBelow(random, 3),
    faultyTicks: 800 + randomBelow(random, 400),
    calmTicks: 6000,
    loss: chance(0.6, 0.15),
    duplication: chance(0.6, 0.2),
    delay: random() < 0.5 ? ("even" as const) : ("long-tailed" as const),
    maxDelay: 1 + randomBelow(random, 4),
    faults: drawUsualRates(random),
    request: 0.06 + random() * 0.1,
    outstanding: 3 + randomBelow(random, 6),
    sync: 0.3 + random() * 0.7,
    flush: random() < 0.5 ? 0.02 + random() * 0.1 : 0.2 + random() * 0.8,
    reportHaste: 1 + randomBelow(random, 5),
    keptLog: random() < 0.7 ? 2 + randomBelow(random, 8) : 500,
    maxSessions: random() < 0.3 ? 3 + randomBelow(random, 4) : 100,
    trimLoss: chance(0.4, 0.9),
    deafAcceptor: random() < 0.3,
    drift: chance(0.5, 0.05),
    slow: random() < 0.1 ? 0.3 : 0,
    spareAcceptors: changing ? 2 : 0,
    reconfigure: changing ? 0.02 : 0,
    star: random() < 0.15,
    idleTicks: 0,
    idleAbsence: "process" as const,
    rollBackUncured: false,
    limits: { ...simulatedLimits, maxKeptDecisions: random() < 0.5 ? 4 : 8 },
    // Links know the first configuration only.
    streams: random() < 0.25 && !changing,
    // 0 for every seed: a world of its own has them, in which a transfer takes many pages (worlds.test.ts).
    interruptions: 0,
    // 0 for every seed: a world of its own has replicas that rest from heavy commands (worlds.test.ts).
    handlerMs: 0,
    pageBytes: 4_096,
  };
  // Drawn last, so that what is above stays what it is for each seed.
  const faults = { ...options.faults, ...drawDiskRates(random) };
  return { ...options, faults, upgrades: random() < 0.15 };
}

import { below, defaultLimits, type Limits, type Random } from "@synod/core";

/** What one seed draws before a run. Printed with it. */
export interface WorldOptions {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
  readonly window: number;
  /** Ticks of the part with faults. */
  readonly faultyTicks: number;
  /** Ticks within which everything waiting must finish once faults stop. */
  readonly calmTicks: number;
  readonly loss: number;
  readonly duplication: number;
  readonly maxDelay: number;
  /** Probability per tick of each kind of event. */
  readonly crash: number;
  readonly reset: number;
  readonly partition: number;
  readonly pause: number;
  readonly request: number;
  /** Probability per tick that an acceptor's disk is synced. */
  readonly sync: number;
  /** Probability per tick that a flush of a replica's state begins, or that the one under way ends. */
  readonly flush: number;
  /** Ticks between a replica's reports. */
  readonly reportTicks: number;
  /** Slots of the decided log that a replica keeps for others. */
  readonly keptLog: number;
  /** Probability per tick that a replica loses its directory; never a majority's at once. */
  readonly replicaLoss: number;
  /** Probability that a message which tells of trimming is lost, besides `loss`. */
  readonly trimLoss: number;
  /** One acceptor hears of no trimming while there are faults. */
  readonly deafAcceptor: boolean;
  /** One acceptor loses its directory, and comes back with a new store under its old name. */
  readonly amnesia: boolean;
  /** Probability per tick that a paused process goes on. */
  readonly resume: number;
  /** Probability that a process ticks ten times more slowly than the others. */
  readonly slow: number;
  /** Acceptors that run from the start and belong to no configuration at first. */
  readonly spareAcceptors: number;
  /** Probability per tick that a configuration with other acceptors is proposed (rules 22 and 23). */
  readonly reconfigure: number;
  /** When faults stop, most links stay cut for ever: see `Star`. */
  readonly star: boolean;
  readonly limits: Limits;
}

/** Small bounds, so that a short run meets all of them. */
export const simulatedLimits: Limits = {
  ...defaultLimits,
  suspectAfterTicks: 20,
  heartbeatTicks: 4,
  resendTicks: 8,
  reproposeTicks: 16,
  questionTicks: 3,
  scoutTicks: 60,
  delayTicks: 4,
  maxDelayTicks: 40,
  maxOutstandingProposals: 2,
  maxBatchCommands: 4,
  maxQueuedProposals: 16,
  maxPageSlots: 2,
  maxKeptDecisions: 8,
  maxKeptBytes: 640,
  maxAnswerSlots: 6,
};

export function drawOptions(random: Random): WorldOptions {
  const chance = (probability: number, high: number) => (random() < probability ? random() * high : 0);
  return {
    acceptors: random() < 0.7 ? 3 : 5,
    leaders: 1 + below(random, 3),
    replicas: 2 + below(random, 2),
    window: random() < 0.5 ? 3 : 8,
    faultyTicks: 600 + below(random, 900),
    calmTicks: 3000,
    loss: chance(0.6, 0.2),
    duplication: chance(0.6, 0.2),
    maxDelay: 1 + below(random, 6),
    crash: chance(0.7, 0.02),
    reset: chance(0.5, 0.02),
    partition: chance(0.5, 0.02),
    pause: chance(0.5, 0.02),
    request: 0.1 + random() * 0.5,
    sync: 0.2 + random() * 0.8,
    flush: random() < 0.5 ? 0.02 + random() * 0.1 : 0.2 + random() * 0.8,
    reportTicks: 5 + below(random, 60),
    keptLog: random() < 0.7 ? 2 + below(random, 8) : 500,
    replicaLoss: random() < 0.4 ? 0.004 : 0,
    trimLoss: chance(0.4, 0.9),
    deafAcceptor: random() < 0.3,
    amnesia: random() < 0.3,
    resume: 0.03,
    slow: 0,
    spareAcceptors: 0,
    reconfigure: 0,
    star: false,
    limits: { ...simulatedLimits, maxKeptDecisions: random() < 0.5 ? 4 : 8 },
  };
}

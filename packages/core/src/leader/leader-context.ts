import { Configurations, type Genesis } from "../configuration.js";
import type { Limits } from "../limits.js";
import { Outputs } from "../output.js";
import type { Random } from "../prng.js";
import { AcceptorContact } from "./acceptor-contact.js";
import { AttachedReplicas } from "./attached-replicas.js";
import { ElectionDelay } from "./election-delay.js";
import { LearnedSlots } from "./learned-slots.js";
import { Patience } from "./patience.js";

/** The parts of a leader that outlive a ballot, for those that do not. */
export interface LeaderContext {
  readonly limits: Limits;
  readonly configurations: Configurations;
  readonly learned: LearnedSlots;
  readonly acceptors: AcceptorContact;
  readonly replicas: AttachedReplicas;
  readonly delay: ElectionDelay;
  readonly outputs: Outputs;
  /** With a scout that is not adopted. */
  readonly patience: Patience;
  /** A number above those of all scouts of this incarnation so far. */
  readonly nextScout: () => number;
}

/** The parts of a leader that starts. */
export function leaderContext(genesis: Genesis, limits: Limits, random: Random): LeaderContext {
  const configurations = new Configurations(genesis);
  const outputs = new Outputs();
  let scouts = 0;
  return {
    limits,
    configurations,
    outputs,
    learned: new LearnedSlots(configurations, limits),
    acceptors: new AcceptorContact(limits, outputs),
    replicas: new AttachedReplicas(outputs),
    delay: new ElectionDelay(limits, random),
    patience: new Patience(limits.scoutTicks),
    nextScout: () => ++scouts,
  };
}

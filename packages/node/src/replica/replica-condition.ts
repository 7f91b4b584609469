import type { Genesis, ReplicaState } from "@synod/core";
import type { Engine } from "@synod/state-machine";
import type { PeerStatus } from "@synod/wire";
import type { CatchUp } from "./catch-up/catch-up.js";
import { progressText } from "./catch-up/progress.js";
import { type Halt, unjudgedText, unjudgedWarning } from "./halt.js";
import type { Performer } from "./performer.js";
import { lagOf, obstacleOf } from "./replica-view.js";
import type { Reporter } from "./reporter.js";

export interface ReplicaConditionOptions {
  readonly genesis: Genesis;
  readonly engine: Pick<Engine, "unjudged" | "configurations">;
  readonly performer: Pick<Performer, "halted">;
  readonly reporter: Pick<Reporter, "introduced">;
  readonly catchUp: Pick<CatchUp, "beginning" | "problems" | "progress">;
  role(): ReplicaState;
  /** The links to the leaders. */
  links(): readonly Pick<PeerStatus, "id" | "connected" | "problem">[];
}

/** The reasons for which a replica answers nothing, has nothing decided, or is not one to rely on. */
export class ReplicaCondition {
  readonly #options: ReplicaConditionOptions;

  constructor(options: ReplicaConditionOptions) {
    this.#options = options;
  }

  /** The reason why this replica answers nothing, whether it executes what is decided (rule 34) or not. */
  get stopped(): string | undefined {
    return this.#options.performer.halted?.reason ?? this.doubt;
  }

  /** True when a person may have its state, as that of a replica that has stopped. */
  get stop(): Pick<Halt, "outvoted" | "reason"> | undefined {
    const { doubt } = this;
    return this.#options.performer.halted ?? (doubt === undefined ? undefined : { reason: doubt });
  }

  /** It cannot tell whether it is the one that is wrong (rule 34). */
  get doubt(): string | undefined {
    const { unjudged } = this.#options.engine;
    return unjudged?.stops ? unjudgedText(unjudged, this.#replicas) : undefined;
  }

  /** Problems that do not keep it from going on. */
  get warnings(): readonly string[] {
    const { unjudged } = this.#options.engine;
    return unjudged === undefined || unjudged.stops ? [] : [unjudgedWarning(unjudged, this.#replicas)];
  }

  /** The reason why it is not one to rely on; empty when it is. */
  get problem(): string {
    const { catchUp, reporter } = this.#options;
    if (catchUp.beginning === "" && this.stopped !== undefined) return this.stopped;
    const { lag } = this;
    if (lag !== "") return lag;
    if (this.obstacle === "" && !reporter.introduced)
      return "not introduced yet: what it has and offers is still to be decided";
    return this.obstacle;
  }

  /** The reason why it does not execute yet what is decided, with what keeps others from helping it; empty when it does. */
  get lag(): string {
    const { catchUp, role } = this.#options;
    const { beginning, problems, progress } = catchUp;
    const helped = progress === undefined ? [] : [`catching up from ${progressText(progress)}`];
    if (beginning !== "") return [beginning, ...helped, ...problems].join("; ");
    const lag = lagOf(role(), progress);
    return lag === "" ? "" : [lag, ...problems].join("; ");
  }

  /** The reason why nothing can be decided now; empty when nothing stands in the way. */
  get obstacle(): string {
    const { role, genesis, links } = this.#options;
    return obstacleOf(role(), genesis.configuration.acceptors, links());
  }

  get #replicas() {
    return this.#options.engine.configurations.at(-1)?.configuration.replicas ?? [];
  }
}

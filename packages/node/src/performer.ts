import type { Value } from "@synod/core";
import type { Decided, Engine } from "@synod/state-machine";
import type { DecidedLog } from "@synod/storage";
import { encodeValue } from "@synod/wire";
import { decidedOf } from "./decided.js";
import { divergenceText, lackingText } from "./halt.js";
import type { HostLogger } from "./host.js";
import type { LogClock } from "./log-clock.js";
import type { Requests } from "./requests.js";

export interface PerformerOptions {
  readonly engine: Pick<Engine, "appliedSlot" | "apply" | "logTimeMs" | "system">;
  readonly clock: Pick<LogClock, "applied">;
  readonly log: Pick<DecidedLog, "append">;
  readonly requests: Pick<Requests, "executed" | "jumpedOver">;
  readonly logger: Pick<HostLogger, "error">;
  /** Told once, when nothing is performed any more, why. */
  readonly onHalted: (reason: string) => void;
}

/** PMMC's perform(): what becomes of a decided slot at a replica (rules 17, 19, 26 and 27). */
export class Performer {
  readonly #options: PerformerOptions;
  #halted: string | undefined;

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** Why nothing is performed any more, though the process runs. */
  get halted(): string | undefined {
    return this.#halted;
  }

  /** Executes a slot, keeps it in the log, and answers whoever waits here. */
  apply(slot: number, value: Value): void {
    const { engine, clock, log, requests } = this.#options;
    if (this.#halted !== undefined) return;
    // Below what a snapshot brought: the role has not heard of it yet.
    if (slot <= engine.appliedSlot) {
      this.jumpedOver(value);
      return;
    }
    const decided = this.#decided(slot, value);
    if (this.#haltIfUnfit(decided)) return;
    const answers = engine.apply(slot, decided);
    clock.applied(engine.logTimeMs);
    log.append(slot, encodeValue(value));
    if (decided.kind !== "batch") return;
    decided.commands.forEach((command, index) => {
      const answer = answers[index];
      if (answer) requests.executed(command, answer);
    });
    this.haltIfUnfit();
  }

  /** A snapshot brought what a slot with this value did: only answers are left. */
  jumpedOver(value: Value): void {
    const decided = this.#decided(undefined, value);
    if (decided.kind !== "batch") return;
    for (const command of decided.commands) this.#options.requests.jumpedOver(command);
  }

  /**
   * Rules 26 and 27: what differs from the others, or would from the next slot on, takes no further part. It goes on
   * running, to say so; its files stay as they are.
   */
  haltIfUnfit(): void {
    this.#haltIfUnfit({ kind: "no-op" });
  }

  #haltIfUnfit(decided: Decided): boolean {
    if (this.#halted !== undefined) return true;
    const { appliedSlot, system } = this.#options.engine;
    const { divergence } = system.reports;
    const lacking = system.lackingFor(decided);
    if (divergence === undefined && lacking === undefined) return false;
    const reason = divergence
      ? divergenceText(divergence)
      : lackingText(lacking as NonNullable<typeof lacking>, appliedSlot + 1);
    this.#halted = reason;
    this.#options.logger.error({ slot: appliedSlot }, reason);
    this.#options.onHalted(reason);
    return true;
  }

  /** A batch that is no batch was decided all the same: it does nothing, on every replica alike. */
  #decided(slot: number | undefined, value: Value): Decided {
    try {
      return decidedOf(value);
    } catch (error) {
      this.#options.logger.error(
        { slot, err: error },
        "a decided batch cannot be decoded; it counts as a no-op",
      );
      return { kind: "no-op" };
    }
  }
}

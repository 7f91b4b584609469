import type { Command } from "@synod/core";
import {
  type Answer,
  engineName,
  type Foundation,
  type Report,
  Status,
  systemCommandOf,
} from "@synod/state-machine";

/** The ground (engine and runtime) on which commands are executed (rule 32), as the decided log says it, in the plainest words. */
export class GroundModel {
  readonly #replicas: readonly string[];
  readonly #reports = new Map<string, Report>();
  #inForce: Foundation | undefined;
  #next: Foundation["engine"] | undefined;

  constructor(replicas: readonly string[]) {
    this.#replicas = replicas;
  }

  /** The ground in force; undefined before the first batch. */
  get inForce(): Foundation | undefined {
    return this.#inForce;
  }

  /** Takes in a batch: the first one states the ground. */
  begin(commands: readonly Command[]): void {
    for (const command of commands) {
      const said = systemCommandOf(command);
      if (said?.kind === "install-foundation") this.#inForce ??= said.foundation;
    }
  }

  /** One of Synod's own commands was decided: what is wrong with the answer. A refusal may have other reasons than the ground. */
  decided(command: Command, { status }: Answer): string | undefined {
    const said = systemCommandOf(command);
    if (
      said?.kind === "report" &&
      said.report.number === (this.#reports.get(said.report.replica)?.number ?? 0) + 1
    )
      this.#reports.set(said.report.replica, said.report);
    if (said?.kind !== "switch" || said.version === 0 || status !== Status.ok) return undefined;
    const grounds = this.#replicas.map((id) => this.#reports.get(id)?.ground);
    if (grounds.some((ground) => ground !== undefined && ground.runtime !== this.#inForce?.runtime))
      return "it was switched while a replica runs on another runtime";
    if (said.service !== engineName) return undefined;
    const offered = grounds.map((ground) => ground?.engines.find(({ version }) => version === said.version));
    const [first] = offered;
    if (first === undefined || offered.some((each) => each?.digest !== first.digest))
      return `engine ${said.version} was switched to, and not every replica offers the same`;
    this.#next = first;
    return undefined;
  }

  /** A slot ends. */
  end(): void {
    if (this.#next && this.#inForce) this.#inForce = { ...this.#inForce, engine: this.#next };
    this.#next = undefined;
  }
}

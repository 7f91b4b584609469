import { type Command, type Configuration, type OrderedMap, type SessionTable, Status } from "@synod/core";
import { Reports } from "./reports.js";
import {
  encodeOpenedSession,
  type Offer,
  type ServiceVersion,
  type SystemCommand,
  systemCommandOf,
} from "./system-command.js";
import { type Lacking, Versions } from "./versions.js";

/** What a system command is answered. Its text is the same on every replica. */
export interface SystemAnswer {
  readonly status: number;
  readonly message: string;
  readonly response: Uint8Array;
}

const noBytes = new Uint8Array(0);
const done: SystemAnswer = Object.freeze({ status: Status.ok, message: "", response: noBytes });

export interface SystemOptions {
  readonly state: OrderedMap;
  readonly sessions: SessionTable;
  /** What this replica's build can run. */
  readonly offers: readonly Offer[];
  /** Those not retired, the one in force last. */
  configurations(): readonly Configuration[];
}

/** Executes Synod's own commands: sessions, versions, reports. */
export class System {
  readonly versions: Versions;
  readonly reports: Reports;
  readonly #options: SystemOptions;
  #checkpointAsked = false;

  constructor(options: SystemOptions) {
    this.#options = options;
    this.versions = new Versions(options.state, options.offers);
    this.reports = new Reports(options.state);
  }

  /** What a batch would need that this replica does not have; it must not be applied then. */
  lackingFor(commands: readonly Command[]): Lacking | undefined {
    for (const said of installations(commands)) {
      const lacking = this.versions.lackingAfter(said, this.reports.latest);
      if (lacking !== undefined) return lacking;
    }
    return this.versions.lacking;
  }

  /** Before the commands of a batch, wherever they stand in it: installs what it brings. */
  begin(commands: readonly Command[]): void {
    for (const said of installations(commands)) this.versions.install(said, this.reports.latest);
  }

  execute(said: SystemCommand, at: { readonly slot: number; readonly index: number }): SystemAnswer {
    const { sessions, configurations } = this.#options;
    switch (said.kind) {
      case "open-session":
        return { ...done, response: encodeOpenedSession(sessions.open(at)) };
      case "advance-time":
      case "install": // By `begin`.
        return done;
      case "checkpoint":
        this.#checkpointAsked = true;
        return done;
      case "report":
        this.reports.take(said.report, configurations());
        return done;
      case "switch": {
        const replicas =
          configurations()
            .at(-1)
            ?.replicas.map(({ id }) => id) ?? [];
        return { ...this.versions.switch(said, replicas, this.reports.latest), response: noBytes };
      }
      case "unknown":
        return { status: Status.unimplemented, message: said.problem, response: noBytes };
    }
  }

  /** Ends a slot; true when it asked for a checkpoint. */
  settle(): boolean {
    this.versions.settle();
    const asked = this.#checkpointAsked;
    this.#checkpointAsked = false;
    return asked;
  }
}

function installations(commands: readonly Command[]): readonly ServiceVersion[] {
  return commands.flatMap((command) => {
    const said = systemCommandOf(command);
    return said?.kind === "install" ? [said] : [];
  });
}

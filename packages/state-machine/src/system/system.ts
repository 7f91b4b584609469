import type { Command, Configuration, OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import { defaultQuotaBytes } from "../engine/limits.js";
import type { SlotContent } from "../engine/slot-content.js";
import type { SessionTable } from "../sessions/session-table.js";
import { type ConfigurationCodec, quotaKey } from "../state/layout.js";
import { engineName, type Foreign, type Foundation, type Ground, InForce } from "./foundation.js";
import { Remedies, type Remedy } from "./remedies.js";
import { Reports } from "./reports.js";
import { isJudgedBy, snapshotObjection } from "./snapshot-objection.js";
import {
  encodeOpenedSession,
  encodeSaid,
  installFoundationMethod,
  installServiceMethod,
  type Offer,
  type Report,
  remediesIn,
  type ServiceVersion,
  type SystemCommand,
  systemCommandOf,
  systemService,
} from "./system-command.js";
import { type Lacking, refused, type SwitchAnswer, Versions } from "./versions.js";

/** The answer to a system command. Its text is the same on every replica. */
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
  /** What this process executes commands on. */
  readonly ground: Ground;
  readonly configurationCodec: ConfigurationCodec;
  /** Those not retired, the one in force last. */
  configurations(): readonly Configuration[];
  /** Log time as it is in the slot that is being applied. */
  logTimeMs(): number;
}

/** Executes Synod's own commands: sessions, versions, reports. */
export class System {
  readonly versions: Versions;
  readonly reports: Reports;
  readonly #inForce: InForce;
  #quotaBytes = defaultQuotaBytes;
  readonly #options: SystemOptions;
  readonly #remedies: Remedies;
  #checkpointAsked = false;
  /** The slot under way is executed otherwise than it was decided. */
  #remedied = false;
  /** One at or above this slot is asked for in the slot under way; 0 when none is. */
  #checkpointWanted = 0;

  constructor(options: SystemOptions) {
    this.#options = options;
    this.versions = new Versions(options.state, options.offers);
    this.reports = new Reports(options.state);
    this.#remedies = new Remedies(options.state);
    this.#inForce = new InForce(options.state, options.ground);
    const quota = options.state.get(quotaKey);
    if (quota !== undefined) this.#quotaBytes = Number(Buffer.from(quota).toString());
  }

  /** The quota: bytes of keys and values that services may store in all. */
  get quotaBytes(): number {
    return this.#quotaBytes;
  }

  /** What this replica's build can run. */
  get offers(): readonly Offer[] {
    return this.#options.offers;
  }

  /** What this process executes commands on. */
  get ground(): Ground {
    return this.#options.ground;
  }

  /** The ground that every replica must execute commands on; undefined before the first batch of a cluster. */
  get foundation(): Foundation | undefined {
    return this.#inForce.foundation;
  }

  /** The members' reports. */
  get #reported(): readonly Report[] {
    return this.#replicas.flatMap((id) => this.reports.latest.get(id) ?? []);
  }

  get #replicas(): readonly string[] {
    return (
      this.#options
        .configurations()
        .at(-1)
        ?.replicas.map(({ id }) => id) ?? []
    );
  }

  /**
   * The version that applying a slot with these remedies needs and this replica lacks (rule 26): it must not be applied
   * then.
   */
  lackingFor(decided: SlotContent, remedies: readonly Remedy[] = []): Lacking | undefined {
    const retired = new Set(remedies.flatMap(({ retire = [] }) => retire));
    const commands = decided.kind === "batch" ? decided.commands : [];
    for (const said of installations(commands)) {
      const lacking = this.versions.lackingAfter(said, this.#reported);
      if (lacking !== undefined && !retired.has(said.service)) return lacking;
    }
    return this.versions.lackingBut(retired);
  }

  /** A remedy decided in this slot that this replica executed another slot without: it must not go on. */
  missedIn(slot: number, decided: SlotContent): Remedy | undefined {
    if (decided.kind !== "batch") return undefined;
    const found = remediesIn(decided.commands);
    return found.length === 0 ? undefined : this.#remedies.missedIn(found, slot);
  }

  /** The number of the last remedy with an effect that a slot was executed with; 0 when there was none. */
  remedyOf(slot: number): number {
    return this.#remedies.appliedTo(slot);
  }

  /** The slot that is about to be executed has these remedies, at least one, and each with an effect. */
  remedy(slot: number, remedies: readonly Remedy[]): void {
    this.#remedies.apply(slot, remedies);
    for (const service of remedies.flatMap(({ retire = [] }) => retire)) this.versions.retire(service);
    this.#remedied = true;
  }

  /** The reason why this process must not apply a slot: it would do so on another ground than the others (rule 32). */
  foreignFor(decided: SlotContent): Foreign | undefined {
    return this.#inForce.foreign(decided.kind === "batch" ? foundationIn(decided.commands) : undefined);
  }

  /**
   * Commands to go before these in their batch: they say which version of a service is in force from its first command on
   * (rule 26). None for services that have been used. The first batch of a cluster also says what all of it is executed on.
   */
  installationsFor(commands: readonly Command[]): readonly Command[] {
    const fresh = new Set(
      commands.map(({ service }) => service).filter((name) => this.versions.inForce(name) === undefined),
    );
    const foundation =
      this.foundation === undefined ? [installation(installFoundationMethod, this.#inForce.proposed)] : [];
    const services = this.offers
      .filter(({ service }) => fresh.has(service))
      .map(({ service, newest }) => installation(installServiceMethod, { service, version: newest }));
    return [...foundation, ...services];
  }

  /** True when `objectionTo` wants to see the row of a snapshot that has this key. They are few, and small. */
  examines(key: Uint8Array): boolean {
    return isJudgedBy(key);
  }

  /**
   * The objection to going on with a snapshot that has these rows, of those it examines; undefined when there is none. May
   * be asked as soon as the first of them are there, and has to be asked when all are.
   */
  objectionTo(rows: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): string | undefined {
    return snapshotObjection(rows, {
      reports: this.reports,
      configuration: this.#options.configurations().at(-1),
      configurationCodec: this.#options.configurationCodec,
    });
  }

  /** Before the commands of a batch, wherever they stand in it: installs what it brings. */
  begin(commands: readonly Command[]): void {
    const foundation = foundationIn(commands);
    if (foundation !== undefined) this.#inForce.install(foundation);
    for (const said of installations(commands)) this.versions.install(said, this.#reported);
  }

  execute(said: SystemCommand, at: { readonly slot: number; readonly index: number }): SystemAnswer {
    const { sessions, configurations } = this.#options;
    switch (said.kind) {
      case "open-session":
        return { ...done, response: encodeOpenedSession(sessions.open(at)) };
      case "advance-time":
      case "install": // By `begin`, as the next.
      case "install-foundation":
        return done;
      case "checkpoint":
        if (said.atLeast === undefined) this.#checkpointAsked = true;
        else this.#checkpointWanted = Math.max(this.#checkpointWanted, said.atLeast);
        return done;
      case "report":
        this.reports.take(said.report, configurations(), this.#options.logTimeMs());
        return done;
      case "switch":
        return { ...this.#switch(said), response: noBytes };
      case "remedy": {
        const problem = this.#remedies.decide(said.remedy, at.slot);
        if (problem !== "") return { status: Status.failedPrecondition, message: problem, response: noBytes };
        this.#checkpointAsked = true;
        return done;
      }
      case "quota":
        this.#quotaBytes = said.bytes;
        this.#options.state.put(quotaKey, Buffer.from(String(said.bytes)));
        return done;
      case "unknown":
        return { status: Status.unimplemented, message: said.problem, response: noBytes };
    }
  }

  /**
   * Ends a slot, and says whether it asked for a checkpoint, and for one at or above which slot (0: for none). One that
   * switched something, or did otherwise than was decided in it, has one in any case (rule 32).
   */
  settle(slot: number): { readonly asked: boolean; readonly atLeast: number } {
    const services = this.versions.settle();
    const switched = this.#inForce.settle() || services || this.#remedied;
    this.#remedied = false;
    if (switched) this.versions.noteSwitch(slot);
    const wish = { asked: this.#checkpointAsked, atLeast: switched ? slot : this.#checkpointWanted };
    this.#checkpointAsked = false;
    this.#checkpointWanted = 0;
    return wish;
  }

  /**
   * A switch needs replicas that are known to be alike: what was executed up to it is not executed again by whoever was wrong,
   * so its fault could not be found any more. Taking a service out of use needs nothing.
   */
  #switch(said: ServiceVersion): SwitchAnswer {
    if (said.version > 0) {
      const problem = this.#unlike;
      if (problem !== undefined) return refused(problem);
    }
    return said.service === engineName
      ? this.#switchEngine(said.version)
      : this.versions.switch(said, this.#replicas, this.reports.latest);
  }

  get #unlike(): string | undefined {
    const unjudged = this.reports.unjudged(this.#options.logTimeMs());
    if (unjudged !== undefined)
      return (
        `replicas differ at slot ${unjudged.slot} (${Object.keys(unjudged.reported).sort().join(", ")}) and no majority agrees: ` +
        "expected replicas that agree; let the others be heard first, or start the wrong one anew in an empty directory"
      );
    const configuration = this.#options.configurations().at(-1);
    const outvoted =
      configuration === undefined ? [] : [...this.reports.outvoted(configuration.replicas)].sort();
    if (outvoted.length > 0)
      return (
        `${outvoted.join(", ")} differs from the others: expected replicas that agree; start it anew in an empty directory ` +
        "with the build that the others run, and switch when it has caught up"
      );
    const foreign = this.#reported.filter(({ ground }) => ground.runtime !== this.foundation?.runtime);
    if (this.foundation === undefined || foreign.length === 0) return undefined;
    const found = foreign.map(({ replica, ground }) => `${replica} runs Node ${ground.node}`).join(", ");
    return (
      `${found}, whose results may differ from those of Node ${this.foundation.node}, which is in force: expected replicas ` +
      `that execute alike; start it with Node ${this.foundation.node} first`
    );
  }

  #switchEngine(version: number): SwitchAnswer {
    const offered = this.#replicas.map((id) => {
      const engines = this.reports.latest.get(id)?.ground.engines;
      return { id, engine: engines?.find((each) => each.version === version) };
    });
    const missing = offered.filter(({ engine }) => engine === undefined).map(({ id }) => id);
    const [first] = offered;
    if (first?.engine === undefined || missing.length > 0)
      return refused(
        `version ${version} of ${engineName} is not offered by every replica: ${missing.join(", ")} ` +
          "does not; start it with a version of Synod that offers it first",
      );
    const digests = new Set(offered.map(({ engine }) => engine?.digest));
    if (digests.size > 1)
      return refused(
        `version ${version} of ${engineName} is not the same everywhere: expected builds of one release of Synod, found ` +
          `digests ${[...digests].map((digest) => digest?.slice(0, 12)).join(", ")}`,
      );
    this.#inForce.switch(first.engine);
    return { status: Status.ok, message: "" };
  }
}

function installation(method: string, said: Parameters<typeof encodeSaid>[0]): Command {
  return {
    ...{ clientId: "installation", sequence: 1, acknowledged: 0 },
    ...{ service: systemService, method, request: encodeSaid(said) },
  };
}

/** The ground that a batch states for the execution of commands, if it states one. */
function foundationIn(commands: readonly Command[]): Foundation | undefined {
  for (const command of commands) {
    const said = systemCommandOf(command);
    if (said?.kind === "install-foundation") return said.foundation;
  }
  return undefined;
}

function installations(commands: readonly Command[]): readonly ServiceVersion[] {
  return commands.flatMap((command) => {
    const said = systemCommandOf(command);
    return said?.kind === "install" ? [said] : [];
  });
}

import { type Configuration, Configurations, type Genesis, type OrderedMap } from "@synod/core";
import { eraOf, type SessionLimits, SessionTable } from "../sessions/session-table.js";
import {
  type ConfigurationCodec,
  configurationKey,
  configurationRange,
  sessionPrefix,
} from "../state/layout.js";
import { StoredBytes } from "../state/stored-bytes.js";
import type { Ground } from "../system/foundation.js";
import { System } from "../system/system.js";
import type { Offer } from "../system/system-command.js";
import { Progress } from "./progress.js";
import { Schedule } from "./schedule.js";
import { SlotEffects } from "./slot-effects.js";

export interface ReplicatedStateOptions {
  readonly map: OrderedMap;
  readonly genesis: Genesis;
  readonly configurationCodec: ConfigurationCodec;
  readonly clusterId: string | undefined;
  readonly sessionLimits: SessionLimits | undefined;
  /** The versions of services that this replica's build can run. */
  readonly offers: readonly Offer[];
  /** The engine and the runtime with which this process executes commands. */
  readonly ground: Ground;
}

/** All that is replicated, as it stands in one ordered map: whoever reads the same map anew goes on exactly there. */
export class ReplicatedState {
  readonly map: OrderedMap;
  readonly progress: Progress;
  readonly configurations: Configurations;
  readonly sessions: SessionTable;
  readonly system: System;
  readonly schedule: Schedule;
  readonly stored: StoredBytes;
  readonly effects: SlotEffects;
  readonly #configurationCodec: ConfigurationCodec;

  constructor({
    map,
    genesis,
    configurationCodec,
    clusterId,
    sessionLimits,
    ...own
  }: ReplicatedStateOptions) {
    this.map = map;
    this.progress = new Progress(map);
    this.stored = new StoredBytes(map, this.progress.storedBytes);
    const decided = [...map.range(configurationRange)].map(([, value]) => configurationCodec.decode(value));
    this.configurations = new Configurations(genesis, decided);
    this.sessions = new SessionTable(map, sessionPrefix, sessionLimits, eraOf(clusterId ?? ""));
    this.system = new System({
      ...own,
      state: map,
      sessions: this.sessions,
      configurationCodec,
      configurations: () => this.configurations.known.map(({ configuration }) => configuration),
      logTimeMs: () => this.progress.time.resumeMs,
    });
    this.schedule = new Schedule(map);
    this.effects = new SlotEffects(map, (key) => this.schedule.written(key));
    this.#configurationCodec = configurationCodec;
  }

  /** A slot decided a configuration; one that does not follow the latest changes nothing. */
  configure(slot: number, configuration: Configuration): void {
    if (!this.configurations.decided(slot, configuration)) return;
    const ruling = this.#configurationCodec.encode(this.configurations.latest);
    this.effects.configuration(configurationKey(configuration.number), ruling);
  }
}

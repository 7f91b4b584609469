import { createHash } from "node:crypto";
import type { OrderedMap } from "@synod/core";
import {
  checkpointLimits,
  commandLimits,
  defaultQuotaBytes,
  judgementPatienceMs,
  type SlotLimits,
  timeLimits,
} from "../engine/limits.js";
import { realmFingerprint } from "../realm/fingerprint.js";
import type { SessionLimits } from "../sessions/session-table.js";
import { foundationKey, stateFormat } from "../state/layout.js";

/** The reserved name under which the engine's own version is switched, as a service's is. */
export const engineName = "synod.engine";

/**
 * The version of what the engine does besides calling handlers: what it counts, where it notes its hash, how long sessions
 * last. It goes up with every change of that, and a build that is to run beside its predecessor has to be able to do both.
 */
export const engineVersion = 3;

/** A version of the engine, and a digest of the constants that its behaviour rests on, in hexadecimal. */
export interface EngineVersion {
  readonly version: number;
  readonly digest: string;
}

/** The ground that a process executes commands on: its runtime, and its engines. */
export interface Ground {
  /** Fingerprint of the JavaScript that handlers run in: what could give other results has another one. */
  readonly runtime: string;
  /** The process's version of Node, for people. */
  readonly node: string;
  /** The versions of the engine that it can run. */
  readonly engines: readonly EngineVersion[];
}

/** The ground that every replica must execute commands on (rule 32). */
export interface Foundation {
  readonly engine: EngineVersion;
  readonly runtime: string;
  readonly node: string;
}

/** A ground for tests and simulated worlds. */
export type GivenGround = { readonly [Key in "runtime" | "engines"]?: Ground[Key] | undefined };

/** The reason why a process must not execute what is decided: it would do so on another ground. */
export interface Foreign {
  readonly what: "runtime" | "engine";
  readonly inForce: Foundation;
  readonly own: Ground;
}

/** That of this process. @param given in place of what it has */
export function ownGround(
  sessionLimits: SessionLimits,
  slotLimits: SlotLimits,
  given: GivenGround = {},
): Ground {
  const {
    runtime = realmFingerprint(),
    engines = [{ version: engineVersion, digest: digest(sessionLimits, slotLimits) }],
  } = given;
  return { runtime, node: process.version, engines };
}

/** Over every constant that the replicated state depends on, so that none can change without a new version. */
function digest(sessionLimits: SessionLimits, slotLimits: SlotLimits): string {
  const constants = [
    ...[commandLimits, slotLimits, timeLimits, checkpointLimits, sessionLimits].map((limits) =>
      Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    { defaultQuotaBytes, judgementPatienceMs, stateFormat },
  ];
  return createHash("sha256").update(JSON.stringify(constants)).digest("hex");
}

/**
 * The ground in force, in the replicated state. The first batch of a cluster says what it is; a process on another one
 * executes nothing, however much alike the two may be.
 */
export class InForce {
  readonly #state: OrderedMap;
  readonly #own: Ground;
  #foundation: Foundation | undefined;
  #next: EngineVersion | undefined;

  constructor(state: OrderedMap, own: Ground) {
    this.#state = state;
    this.#own = own;
    const stored = state.get(foundationKey);
    if (stored !== undefined) this.#foundation = JSON.parse(Buffer.from(stored).toString());
  }

  /** Undefined before the first batch of a cluster. */
  get foundation(): Foundation | undefined {
    return this.#foundation;
  }

  /** The ground that this process would begin a cluster on. */
  get proposed(): Foundation {
    const { runtime, node, engines } = this.#own;
    return { engine: engines.at(-1) as EngineVersion, runtime, node };
  }

  /** @param brought what the slot that is about to be executed would put in force if nothing is */
  foreign(brought: Foundation | undefined): Foreign | undefined {
    const inForce = this.#foundation ?? brought;
    if (inForce === undefined) return undefined;
    const own = this.#own;
    if (inForce.runtime !== own.runtime) return { what: "runtime", inForce, own };
    return own.engines.some((each) => sameEngine(each, inForce.engine))
      ? undefined
      : { what: "engine", inForce, own };
  }

  install(brought: Foundation): void {
    if (this.#foundation === undefined) this.#put(brought);
  }

  /** The engine changes after this slot. */
  switch(engine: EngineVersion): void {
    this.#next = engine;
  }

  /** Ends a slot; true when something else is in force from here on. */
  settle(): boolean {
    if (this.#next === undefined || this.#foundation === undefined) return false;
    this.#put({ ...this.#foundation, engine: this.#next });
    this.#next = undefined;
    return true;
  }

  #put(foundation: Foundation): void {
    this.#foundation = foundation;
    this.#state.put(foundationKey, Buffer.from(JSON.stringify(foundation)));
  }
}

export function sameEngine(a: EngineVersion, b: EngineVersion): boolean {
  return a.version === b.version && a.digest === b.digest;
}

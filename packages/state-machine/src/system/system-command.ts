import type { Command } from "@synod/core";
import type { EngineVersion, Foundation, Ground } from "./foundation.js";
import { type Remedy, remedyOf } from "./remedies.js";

/*
 * Commands of Synod itself. They are decided like any other, so that every replica does the same at the same place of
 * the log, but they have no service behind them and no session: each is named by a nonce of whoever proposes it, and
 * each may be decided twice in a row without harm. Those that say something say it in JSON.
 */
export const systemService = "synod.v1.Replica";

/** Opens a session (rule 16): its place in the log names the session. */
export const openSessionMethod = "OpenSession";
/** Does nothing but carry log time, when something waits for it and nobody else asks anything. */
export const advanceTimeMethod = "AdvanceTime";
/**
 * Has the state's hash noted at this slot, so that reports can be compared (rule 27): where something was decided since the
 * last time, or where there is none at or above the slot that it asks for.
 */
export const checkpointMethod = "Checkpoint";
/** A replica's report: the last checkpoint on its disk (rule 18), and the versions that it offers (rule 26). */
export const reportMethod = "Report";
/** The version of a service that has never been used: whoever proposes its first command says it (rule 26). */
export const installServiceMethod = "InstallService";
/** Switches a service to another version that every replica offers (rule 26). */
export const switchVersionMethod = "SwitchVersion";

/** The remedy for a slot that cannot be executed (rule 33). */
export const remedyMethod = "Remedy";

/** The ground that the commands of a cluster are executed on, as its first batch states it (rule 32). */
export const installFoundationMethod = "InstallFoundation";

/** Sets how much services may store in all. */
export const setQuotaMethod = "SetQuota";

/** The versions of a service that a replica's build can run. */
export interface Offer {
  readonly service: string;
  readonly oldest: number;
  readonly newest: number;
  /** SHA-256 of what the replica runs, in hexadecimal, for people; absent where it was not built from a module. */
  readonly build?: string | undefined;
}

/** The state at the end of a slot: replicas that agree have the same hash there. */
export interface Checkpoint {
  readonly slot: number;
  /** In hexadecimal. */
  readonly hash: string;
}

export interface Report extends Checkpoint {
  readonly replica: string;
  /** Id of the store that the report speaks of. */
  readonly store: string;
  /** One more than that of the replica's report before, else it is a late one, and says nothing. */
  readonly number: number;
  /** The last checkpoint that is on the replica's disk; 0 when none is. */
  readonly slot: number;
  /** The hash there, in hexadecimal; empty for slot 0. */
  readonly hash: string;
  /**
   * Checkpoints between that of the last report and this one, oldest first: two replicas can be compared only at the same
   * slot, and each reports in its own time. At most `maxEarlier`.
   */
  readonly earlier: readonly Checkpoint[];
  readonly offers: readonly Offer[];
  /** The ground that it executes commands on. */
  readonly ground: Ground;
}

/** A service's version; 0 takes the service out of use. */
export interface ServiceVersion {
  readonly service: string;
  readonly version: number;
}

export interface Quota {
  /** Of keys and values. */
  readonly bytes: number;
}

/** Versions of the engine that one build can run, at most. */
const maxEngines = 32;

/** Checkpoints that one report names besides its last. */
export const maxEarlier = 32;

export interface CheckpointWish {
  /** Wanted is one at or above this slot, whatever was decided since the last one. */
  readonly atLeast: number;
}

export type SystemCommand =
  | { readonly kind: "open-session" | "advance-time" }
  | ({ readonly kind: "checkpoint" } & Partial<CheckpointWish>)
  | { readonly kind: "report"; readonly report: Report }
  | ({ readonly kind: "install" | "switch" } & ServiceVersion)
  | ({ readonly kind: "quota" } & Quota)
  | { readonly kind: "remedy"; readonly remedy: Remedy }
  | { readonly kind: "install-foundation"; readonly foundation: Foundation }
  /** A command that no version of Synod known here proposes: it does nothing, on every replica alike. */
  | { readonly kind: "unknown"; readonly problem: string };

type Said = Pick<Command, "service" | "method" | "request">;

/** Undefined when the command is one of a replicated service. */
export function systemCommandOf(command: Said): SystemCommand | undefined {
  if (command.service !== systemService) return undefined;
  switch (command.method) {
    case openSessionMethod:
      return { kind: "open-session" };
    case advanceTimeMethod:
      return { kind: "advance-time" };
    case checkpointMethod:
      if (command.request.length === 0) return { kind: "checkpoint" };
      return said(command, (value) => {
        const { atLeast } = (value ?? {}) as Partial<Record<keyof CheckpointWish, unknown>>;
        return isWhole(atLeast) ? { kind: "checkpoint", atLeast } : undefined;
      });
    case reportMethod:
      return said(command, (value) => {
        const report = reportOf(value);
        return report && { kind: "report", report };
      });
    case installServiceMethod:
    case switchVersionMethod:
      return said(command, (value) => {
        const kind = command.method === installServiceMethod ? "install" : "switch";
        return isServiceVersion(value) ? { kind, service: value.service, version: value.version } : undefined;
      });
    case remedyMethod:
      return said(command, (value) => {
        const remedy = remedyOf(value);
        return remedy && { kind: "remedy", remedy };
      });
    case installFoundationMethod:
      return said(command, (value) => {
        const foundation = foundationOf(value);
        return foundation && { kind: "install-foundation", foundation };
      });
    case setQuotaMethod:
      return said(command, (value) => {
        const { bytes } = (value ?? {}) as Partial<Record<keyof Quota, unknown>>;
        return isWhole(bytes) ? { kind: "quota", bytes } : undefined;
      });
    default:
      return { kind: "unknown", problem: `there is no system command "${command.method.slice(0, 64)}"` };
  }
}

/** The request bytes of a command that says something. */
export function encodeSaid(
  said: Report | ServiceVersion | Quota | CheckpointWish | Remedy | Foundation,
): Uint8Array {
  return Buffer.from(JSON.stringify(said));
}

/** The remedies among the commands of a batch. */
export function remediesIn(commands: readonly Said[]): readonly Remedy[] {
  return commands.flatMap((command) => {
    if (command.service !== systemService || command.method !== remedyMethod) return [];
    const said = systemCommandOf(command);
    return said?.kind === "remedy" ? [said.remedy] : [];
  });
}

function said({ method, request }: Said, read: (value: unknown) => SystemCommand | undefined): SystemCommand {
  const unknown: SystemCommand = { kind: "unknown", problem: `${method} says nothing that can be read` };
  try {
    return read(JSON.parse(Buffer.from(request).toString())) ?? unknown;
  } catch {
    return unknown;
  }
}

/** Field by field: what is kept of it must not depend on what else was said. */
function reportOf(value: unknown): Report | undefined {
  const { replica, store, number, slot, hash, earlier, offers, ground } = (value ?? {}) as Partial<
    Record<keyof Report, unknown>
  >;
  if (!isText(replica) || !isText(store) || !isWhole(number)) return undefined;
  if (!isWhole(slot) || typeof hash !== "string") return undefined;
  if (!/^([0-9a-f]{64})?$/.test(hash) || !Array.isArray(offers) || !offers.every(isOffer)) return undefined;
  const on = groundOf(ground);
  if (on === undefined) return undefined;
  if (!Array.isArray(earlier) || earlier.length > maxEarlier || !earlier.every(isCheckpoint))
    return undefined;
  return {
    replica,
    store,
    number,
    slot,
    hash,
    earlier: earlier.map((each) => ({ slot: each.slot, hash: each.hash })),
    offers: offers.map(({ service, oldest, newest, build }) =>
      build === undefined ? { service, oldest, newest } : { service, oldest, newest, build },
    ),
    ground: on,
  };
}

function groundOf(value: unknown): Ground | undefined {
  const { runtime, node, engines } = (value ?? {}) as Partial<Record<keyof Ground, unknown>>;
  if (!isText(runtime) || !isText(node) || !Array.isArray(engines)) return undefined;
  if (engines.length === 0 || engines.length > maxEngines || !engines.every(isEngine)) return undefined;
  return { runtime, node, engines: engines.map(({ version, digest }) => ({ version, digest })) };
}

function foundationOf(value: unknown): Foundation | undefined {
  const { runtime, node, engine } = (value ?? {}) as Partial<Record<keyof Foundation, unknown>>;
  if (!isText(runtime) || !isText(node) || !isEngine(engine)) return undefined;
  return { engine: { version: engine.version, digest: engine.digest }, runtime, node };
}

function isEngine(value: unknown): value is EngineVersion {
  const { version, digest } = (value ?? {}) as Partial<Record<keyof EngineVersion, unknown>>;
  return isWhole(version) && isText(digest);
}

function isOffer(value: unknown): value is Offer {
  const { service, oldest, newest, build } = (value ?? {}) as Partial<Record<keyof Offer, unknown>>;
  return isText(service) && isWhole(oldest) && isWhole(newest) && (build === undefined || isText(build));
}

function isCheckpoint(value: unknown): value is Checkpoint {
  const { slot, hash } = (value ?? {}) as Partial<Record<keyof Checkpoint, unknown>>;
  return isWhole(slot) && slot > 0 && typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
}

function isServiceVersion(value: unknown): value is ServiceVersion {
  const { service, version } = (value ?? {}) as Partial<Record<keyof ServiceVersion, unknown>>;
  return isText(service) && isWhole(version);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 512;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const clientIdTag = 0x0a;

/** The bytes of synod.v1.OpenSessionResponse: field 1, a text shorter than 128 bytes. */
export function encodeOpenedSession(name: string): Uint8Array {
  const text = Buffer.from(name, "latin1");
  return Buffer.concat([Buffer.from([clientIdTag, text.length]), text]);
}

/** The session's name, from the response to the command that opened it. */
export function openedSession(response: Uint8Array): string {
  if (response[0] !== clientIdTag || response[1] !== response.length - 2) {
    throw new TypeError("expected the response to OpenSession, found other bytes");
  }
  return Buffer.from(response.subarray(2)).toString("latin1");
}

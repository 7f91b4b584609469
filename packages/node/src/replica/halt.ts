import type { Member } from "@synod/core";
import {
  type Divergence,
  engineName,
  type Foreign,
  judgementPatienceMs,
  type Lacking,
  offerText,
  type Unjudged,
} from "@synod/state-machine";
import type { BegunSlot } from "@synod/storage";

/**
 * The reason why a replica executes nothing more, though its process runs:
 *
 * - `diverged`: its state differs from the others' (rule 27). For good.
 * - `foreign`: it would execute on another runtime than the others, or with another engine (rule 32).
 * - `missed`: it executed a slot that the others skipped by decision (rule 33). For good.
 * - `lacking`: it does not offer a version that is in force (rule 26).
 * - `stuck`: executing the slot ended its process, or failed in a way that is no answer (rule 33).
 * - `held`: it promised not to execute the slot before something is decided about it (rule 33).
 *
 * Of the last three each is before a slot, and ends when a remedy for that slot is found among what was decided after it.
 */
export interface Halt {
  readonly kind: "diverged" | "foreign" | "missed" | "lacking" | "stuck" | "held";
  /** The slot that is not executed. */
  readonly slot: number;
  /** For people: what was expected, what was found, and what to do next. */
  readonly reason: string;
  /** The others are known to have another state, and go on with that. */
  readonly outvoted?: boolean;
  /** The command at which a stuck slot failed, where it is known. */
  readonly command?: BegunSlot["command"];
}

/** True when a replica that halted for this reason may go on once something is decided about the slot. */
export function endsByRemedy({ kind }: Halt): boolean {
  return kind === "lacking" || kind === "stuck" || kind === "held";
}

/** The reason why a replica that lacks a version of a service applies nothing more (rule 26), and what to do. */
export function lackingHalt({ service, version, offered }: Lacking, slot: number): Halt {
  const expected = `stopped before slot ${slot}: version ${version} of ${service} is in force there`;
  const otherwise = `or, when no build offers it any more, \`synod service retire ${service}\``;
  const reason =
    offered === undefined
      ? `${expected}, and this replica has no such service; start it with the service's module, ${otherwise}`
      : `${expected}, and this replica offers ${offerText(offered)}; start it with a build that offers ${version}, ${otherwise}`;
  return { kind: "lacking", slot, reason };
}

/** The reason why a replica that differs from the others applies nothing more (rule 27), and what to do. */
export function divergedHalt({ slot, own, reported, majority }: Divergence, applied: number): Halt {
  const others = Object.entries(reported).map(([id, hash]) => `${id} ${hash.slice(0, 12)}`);
  const said = `at slot ${slot} its hash is ${own.slice(0, 12)}, and reported are ${others.join(", ")}`;
  const reason =
    majority === ""
      ? `diverged: ${said}; no majority agrees, so every replica stops: find out which handler or build is not ` +
        "deterministic, then go on in a new cluster with the state of one of them: `synod snapshot save FILE --stopped`"
      : `diverged: ${said}; its files are kept: compare its build with the others', then start it anew in an empty directory`;
  return { kind: "diverged", slot: applied + 1, reason, outvoted: majority !== "" };
}

/** The reason why a replica does not execute a slot (rule 33), and what to do. */
export function stuckHalt({ slot, attempts, command, cause }: BegunSlot): Halt {
  const what = command && `command ${command.index} of it, ${command.service}/${command.method}, `;
  const skip = command ? `synod skip ${slot} --command ${command.index}` : `synod skip ${slot}`;
  const happened = what
    ? `${what}${cause ?? "ended the process"}`
    : `executing it ${cause ?? "ended the process"}`;
  const reason =
    `stopped before slot ${slot}: ${happened}, ${attempts === 1 ? "once" : `${attempts} times`}; start every replica with a build ` +
    `whose handler does not, or have it decided that nobody executes it: \`${skip}\``;
  return { kind: "stuck", slot, reason, command };
}

/** The reason why a replica that could execute a slot waits before it, and what to do. */
export function heldHalt(slot: number): Halt {
  const reason =
    `waits before slot ${slot}: it promised \`synod skip\` not to execute it before a decision; ` +
    `run that command to its end, or take it back: \`synod skip ${slot} --undo\``;
  return { kind: "held", slot, reason };
}

/** The reason why a replica that executed what the others skipped goes no further (rule 33), and what to do. */
export function missedHalt(executed: number, decidedIn: number): Halt {
  const reason =
    `stopped before slot ${decidedIn}: a remedy for slot ${executed} is decided there, and this replica had executed slot ${executed} without it, ` +
    "so it differs from the others; start it anew in an empty directory";
  return { kind: "missed", slot: decidedIn, reason, outvoted: true };
}

/** The reason why a replica on another ground than the others applies nothing (rule 32), and what to do. */
export function foreignHalt(foreign: Foreign, slot: number): Halt {
  return { kind: "foreign", slot, reason: foreignText(foreign, slot) };
}

function foreignText({ what, inForce, own }: Foreign, slot: number): string {
  if (what === "engine") {
    const { version, digest } = inForce.engine;
    const runs = own.engines.map((engine) => `version ${engine.version} (${engine.digest.slice(0, 12)})`);
    return (
      `stopped before slot ${slot}: version ${version} (${digest.slice(0, 12)}) of ${engineName} is in force, and this build of Synod runs ` +
      `${runs.join(", ")}; start this replica with the release of Synod that the others run`
    );
  }
  return (
    `stopped before slot ${slot}: the cluster runs on Node ${inForce.node} (runtime ${inForce.runtime.slice(0, 12)}), and this replica on ` +
    `Node ${own.node} (runtime ${own.runtime.slice(0, 12)}), whose results may differ; start it with Node ${inForce.node}. To move to ` +
    `another Node, save a backup and restore it: a new cluster runs on what its replicas run on`
  );
}

/** Replicas differ, and those that are away have not judged them yet (rule 34). They have a while to do so. */
export function unjudgedWarning(unjudged: Unjudged, replicas: readonly Member[]): string {
  const { who, away } = parties(unjudged, replicas);
  return (
    `${who}, and no majority agrees: unless ${away.join(", ")} comes back within ${judgementPatienceMs / 1000} s ` +
    "and agrees with one of them, every replica stops"
  );
}

/** The reason why no replica answers while replicas differ and nobody has judged them (rule 34), and what to do. */
export function unjudgedText(unjudged: Unjudged, replicas: readonly Member[]): string {
  const { who, differing, away } = parties(unjudged, replicas);
  return (
    `stopped: ${who}, and no majority agrees: start ${away.join(", ")}, and whoever it agrees with goes on by itself; ` +
    `if it cannot come back, find out which of ${differing.join(", ")} is wrong by comparing their builds and handlers, and ` +
    "start that one anew in an empty directory: the other goes on then, with everything that was acknowledged"
  );
}

function parties({ slot, reported }: Unjudged, replicas: readonly Member[]) {
  const differing = Object.keys(reported).sort();
  const hashes = differing.map((id) => `${id} ${reported[id]?.slice(0, 12)}`);
  const away = replicas.map(({ id }) => id).filter((id) => reported[id] === undefined);
  return { who: `at slot ${slot} replicas differ (${hashes.join(", ")})`, differing, away };
}

/**
 * The reason why a state is not given. A replica that has stopped gives it to a person who asks for that, and to nobody else: what it has
 * may differ from what others have, and no member may go on from it.
 */
export function refusalOf(
  halt: Pick<Halt, "outvoted" | "reason"> | undefined,
  stopped: boolean,
): string | undefined {
  if (!stopped) return halt?.reason;
  if (halt === undefined)
    return "expected a replica that has stopped, found one that goes on: ask without --stopped";
  return halt.outvoted
    ? `${halt.reason}: the others go on, and what they have is what was decided; ask one of them`
    : undefined;
}

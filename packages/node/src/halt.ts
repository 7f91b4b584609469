import type { Member } from "@synod/core";
import {
  type Divergence,
  judgementPatienceMs,
  type Lacking,
  offerText,
  type Unjudged,
} from "@synod/state-machine";

/** Why a replica that lacks a version of a service applies nothing more (rule 26), and what to do. */
export function lackingText({ service, version, offered }: Lacking, slot: number): string {
  const expected = `stopped before slot ${slot}: version ${version} of ${service} is in force there`;
  return offered === undefined
    ? `${expected}, and this replica has no such service; start it with the service's module`
    : `${expected}, and this replica offers ${offerText(offered)}; start it with a build that offers ${version}`;
}

/** Why a replica that differs from the others applies nothing more (rule 27), and what to do. */
export function divergenceText({ slot, own, reported, majority }: Divergence): string {
  const others = Object.entries(reported).map(([id, hash]) => `${id} ${hash.slice(0, 12)}`);
  const said = `at slot ${slot} its hash is ${own.slice(0, 12)}, and reported are ${others.join(", ")}`;
  return majority === ""
    ? `diverged: ${said}; no majority agrees, so every replica stops: find out which build or handler is not deterministic`
    : `diverged: ${said}; its files are kept: compare its build with the others', then start it anew in an empty directory`;
}

/** Replicas differ, and those that are away have not judged them yet (rule 34). They have a while to do so. */
export function unjudgedWarning(unjudged: Unjudged, replicas: readonly Member[]): string {
  const { who, away } = parties(unjudged, replicas);
  return (
    `${who}, and no majority agrees: unless ${away.join(", ")} comes back within ${judgementPatienceMs / 1000} s ` +
    "and agrees with one of them, every replica stops"
  );
}

/** Why no replica answers while replicas differ and nobody has judged them (rule 34), and what to do. */
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

import type { Foundation, Ground } from "@synod/state-machine";

type Engines = Ground["engines"];

const one = { version: 1, digest: "1a".repeat(32) };
const two = { version: 2, digest: "2a".repeat(32) };
/** An engine of the same number with other constants. */
const otherTwo = { version: 2, digest: "2b".repeat(32) };

/** The engines that releases of Synod have: the second and the last run beside the first. */
export const releases: readonly Engines[] = [[one], [one, two], [two], [one, otherTwo]];

/** The ground of a process that was started with a release, on the usual version of Node or on another. */
export function groundOf(release: number, otherRuntime: boolean): Pick<Ground, "runtime" | "engines"> {
  return {
    runtime: otherRuntime ? "another runtime" : "the usual runtime",
    engines: releases[release] ?? [],
  };
}

/** True when a process with this ground may execute what is decided on that one (rule 32). */
export function isGroundFor({ runtime, engines }: Ground, inForce: Foundation): boolean {
  const { version, digest } = inForce.engine;
  return (
    runtime === inForce.runtime && engines.some((each) => each.version === version && each.digest === digest)
  );
}

/** The newest release that has the engine which is in force. */
export function releaseFor({ engine: { version, digest } }: Foundation): number {
  return releases.findLastIndex((engines) =>
    engines.some((each) => each.version === version && each.digest === digest),
  );
}

import { type Divergence, type Lacking, offerText } from "@synod/state-machine";

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

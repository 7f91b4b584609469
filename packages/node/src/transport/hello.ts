import type { Role } from "@synod/core";
import type { Hello } from "@synod/wire";

/** The protocol versions this build speaks. */
export const spokenVersions = { oldest: 2, newest: 2 } as const;

/** The facts that one side knows of the other before it has spoken. */
export interface Expected {
  readonly role: Role;
  readonly id: string;
  readonly address: string;
  /** Acceptors only. */
  readonly bound?: BoundStore | undefined;
}

/** The store that a configuration binds an acceptor to (rule 5). */
export interface BoundStore {
  readonly configuration: number;
  readonly store: string;
}

/** The reason why two sides cannot talk at all, saying both values; undefined when they can. */
export function incompatibility(ours: Hello, theirs: Hello): string | undefined {
  const us = `${ours.role} ${ours.id}`;
  const them = `${theirs.role} ${theirs.id}`;
  if (ours.clusterId !== theirs.clusterId) {
    return `${us} belongs to cluster ${ours.clusterId}, ${them} to cluster ${theirs.clusterId}: give both the same cluster file`;
  }
  if (theirs.oldestVersion > ours.newestVersion || theirs.newestVersion < ours.oldestVersion) {
    return (
      `no common protocol version: ${us} speaks ${range(ours)}, ${them} speaks ${range(theirs)}: ` +
      "upgrade the older one first to a version that speaks both"
    );
  }
  return undefined;
}

/** The reason why the one who answered is not the one that was called; undefined when it is. */
export function mistakenIdentity(expected: Expected, theirs: Hello): string | undefined {
  if (theirs.role === expected.role && theirs.id === expected.id) return undefined;
  return (
    `expected ${expected.role} ${expected.id} at ${expected.address}, found ${theirs.role} ${theirs.id}: ` +
    "check the addresses in the cluster file"
  );
}

/** The reason why an acceptor's answers will not count (rule 5), though it can be talked to; undefined when they will. */
export function unboundStore(bound: BoundStore, found: string | undefined): string | undefined {
  if (found === bound.store) return undefined;
  return (
    `store ${found ?? "(none)"} is not the one configuration ${bound.configuration} names (${bound.store}): ` +
    "its votes do not count; start it with the right data directory, or replace the member"
  );
}

/** Begins the problem of an acceptor that counts all the same: a person should know, and nothing is refused. */
export const countedBut = "counted, but ";

/** The warning about an acceptor whose store was started fewer times than somebody has seen before (rule 5). */
export function rolledBack(starts: number, startsBefore: number): string {
  return (
    `${countedBut}its store tells of start ${starts} after start ${startsBefore}: ` +
    "its disk was rolled back and may have forgotten votes; replace the member"
  );
}

function range(hello: Hello): string {
  const { oldestVersion, newestVersion } = hello;
  return oldestVersion === newestVersion ? `${newestVersion}` : `${oldestVersion} to ${newestVersion}`;
}

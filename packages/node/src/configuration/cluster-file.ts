import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { AcceptorMember, Genesis, Member, Role } from "@synod/core";
import { expectedAddress, isName, maxIdLength, parseAddress } from "@synod/wire";
import * as valibot from "valibot";
import { type JsonText, readJsonFile, readJsonText } from "./json-file.js";
import { ConfigurationError, pathText, shown } from "./problem.js";
import { objectOf, schemaProblems, textThat } from "./schema.js";

/**
 * The cluster file: configuration 1 and WINDOW, the same for every member. Store ids and all names are fixed for
 * ever by the cluster id; addresses may change, because a member may move.
 */
export interface ClusterFile {
  readonly window: number;
  readonly acceptors: readonly AcceptorMember[];
  readonly leaders: readonly Member[];
  readonly replicas: readonly Member[];
}

export const maxWindow = 65_536;

/** Most members of each role in configuration 1. */
export const maxMembersOf = { acceptors: 9, leaders: 9, replicas: 15 } as const;

export type MemberList = keyof typeof maxMembersOf;

const lists = Object.keys(maxMembersOf) as MemberList[];

/** The field of the cluster file that lists the members of a role. */
export const listOf: Readonly<Record<Role, MemberList>> = {
  acceptor: "acceptors",
  leader: "leaders",
  replica: "replicas",
};

/** The words in which an error says what a name looks like; `isName` decides. */
export const expectedName = `a name (1 to ${maxIdLength} of A-Z a-z 0-9 . _ -, first a letter or digit)`;
const expectedStore = "the store id that synod-acceptor init printed";
const expectedWindow = `a whole number from 1 to ${maxWindow}`;

const id = textThat(expectedName, isName);
const address = textThat(expectedAddress, (text) => parseAddress(text) !== undefined);
const store = textThat(expectedStore, isName);
const window = valibot.pipe(
  valibot.number(expectedWindow),
  valibot.check((found) => Number.isInteger(found) && found >= 1 && found <= maxWindow, expectedWindow),
);

const memberFields = { id, address };
const acceptorFields = { id, address, store };
const member = objectOf(memberFields, "a member {id, address}");
const fields = {
  window,
  acceptors: valibot.array(
    objectOf(acceptorFields, "an acceptor {id, address, store}"),
    "a list of acceptors",
  ),
  leaders: valibot.array(member, "a list of leaders"),
  replicas: valibot.array(member, "a list of replicas"),
};
const shape = objectOf(fields, "an object {window, acceptors, leaders, replicas}");

const fieldsAt = (path: readonly PropertyKey[]): valibot.ObjectEntries => {
  if (path.length === 0) return fields;
  return path[0] === "acceptors" ? acceptorFields : memberFields;
};

/** Reads and checks a cluster file. Throws `ConfigurationError`, each problem beginning with the file's name. */
export function readClusterFile(file: string): ClusterFile {
  return clusterOf(readJsonFile(file), basename(file));
}

/** The same from its text; `name` stands in the problems. */
export function parseClusterFile(text: string, name = "cluster file"): ClusterFile {
  return clusterOf(readJsonText(text), name);
}

function clusterOf({ value, problems: unreadable }: JsonText, name: string): ClusterFile {
  if (value === undefined) throw new ConfigurationError(unreadable.map((problem) => `${name}: ${problem}`));
  const parsed = valibot.safeParse(shape, value);
  const problems = [
    ...unreadable,
    ...schemaProblems(parsed.issues ?? [], fieldsAt),
    ...countProblems(value),
    ...repetitions(value),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new ConfigurationError(problems.map((problem) => `${name}: ${problem}`));
  }
  return parsed.output;
}

/** The lists of a value that need not be sound elsewhere, so that every problem is found in one reading. */
function listsIn(value: unknown): [MemberList, readonly unknown[]][] {
  return lists.flatMap((list) => {
    const members = (value as Record<string, unknown> | null)?.[list];
    return Array.isArray(members) ? [[list, members] as [MemberList, unknown[]]] : [];
  });
}

function countProblems(value: unknown): string[] {
  return listsIn(value).flatMap(([list, members]) => {
    const most = maxMembersOf[list];
    if (members.length >= 1 && members.length <= most) return [];
    return [`${list}: expected from 1 to ${most} members, found ${members.length}`];
  });
}

/** Ids, addresses and stores name one member each, whatever its role. */
function repetitions(value: unknown): string[] {
  const problems: string[] = [];
  for (const field of ["id", "address", "store"] as const) {
    const owners = new Map<string, string>();
    for (const [list, members] of listsIn(value)) {
      for (const [index, found] of members.entries()) {
        const text = (found as Record<string, unknown> | null)?.[field];
        if (typeof text !== "string" || text === "") continue;
        // Names of hosts are the same in capitals.
        const key = field === "address" ? text.toLowerCase() : text;
        const owner = owners.get(key);
        const where = pathText([list, index]);
        if (owner === undefined) owners.set(key, where);
        else
          problems.push(
            `${where}.${field}: expected one of its own, found ${shown(text)}, which is ${owner}'s`,
          );
      }
    }
  }
  return problems;
}

/**
 * The cluster's id, 32 hexadecimal digits: equal exactly when window, members and stores are. The order in which the
 * file lists members, and their addresses, do not enter.
 */
export function clusterIdOf(cluster: ClusterFile): string {
  const canonical = {
    window: cluster.window,
    acceptors: sorted(cluster.acceptors).map((acceptor) => [acceptor.id, acceptor.store]),
    leaders: sorted(cluster.leaders).map((leader) => leader.id),
    replicas: sorted(cluster.replicas).map((replica) => replica.id),
  };
  return createHash("sha256").update(JSON.stringify(canonical)).digest("hex").slice(0, 32);
}

/** Configuration 1 and WINDOW, as the core takes them. */
export function genesisOf(cluster: ClusterFile): Genesis {
  return {
    window: cluster.window,
    configuration: {
      number: 1,
      predecessor: 0,
      acceptors: sorted(cluster.acceptors),
      leaders: sorted(cluster.leaders),
      replicas: sorted(cluster.replicas),
    },
  };
}

/** By id, so that every member holds the same list however its file was written. */
function sorted<M extends Member>(members: readonly M[]): M[] {
  return members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

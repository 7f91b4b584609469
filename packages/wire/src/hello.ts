import type { Role, RulingConfiguration } from "@synod/core";
import * as check from "./check.js";
import type { Mapping } from "./codec.js";
import { configurations } from "./codec-value.js";
import type * as wire from "./gen-types.js";
import { shown, WireError } from "./wire-error.js";

/** First on every stream, from both sides. */
export interface Hello {
  readonly kind: "hello";
  readonly clusterId: string;
  readonly id: string;
  readonly role: Role | "client";
  /** Acceptors: the store that holds their promises. */
  readonly store?: string | undefined;
  /** Acceptors: how often the store was started. Fewer than before means a disk was rolled back (rule 5). */
  readonly startCount?: number | undefined;
  /** The range of protocol versions spoken (rule 26). */
  readonly oldestVersion: number;
  readonly newestVersion: number;
  /** Replicas and leaders: the lowest slot whose decision they do not know. 0 from others. */
  readonly slotOut: number;
  /** The configurations it knows to be decided. */
  readonly configurations: readonly RulingConfiguration[];
}

/** Numbers of the enum Role in paxos.proto. */
const roleNumbers = { client: 1, replica: 2, leader: 3, acceptor: 4 } as const;
const roleNames = new Map(
  Object.entries(roleNumbers).map(([name, number]) => [
    number as wire.Role,
    name as keyof typeof roleNumbers,
  ]),
);

export const role: Mapping<Role | "client", wire.Role> = {
  toWire: (message) => roleNumbers[message],
  fromWire: (message, field) => {
    const found = roleNames.get(message ?? 0);
    if (found !== undefined) return found;
    throw new WireError(
      field,
      "ROLE_CLIENT, ROLE_REPLICA, ROLE_LEADER or ROLE_ACCEPTOR",
      `number ${shown(message)}`,
    );
  },
};

/** The role of a member; clients are none. */
export function memberRole(message: wire.Role | undefined, field: string): Role {
  const found = role.fromWire(message, field);
  if (found !== "client") return found;
  throw new WireError(field, "ROLE_REPLICA, ROLE_LEADER or ROLE_ACCEPTOR", "ROLE_CLIENT");
}

export const hello: Mapping<Hello, wire.Hello> = {
  toWire: (message) => ({
    clusterId: message.clusterId,
    id: message.id,
    role: role.toWire(message.role),
    store: message.store ?? "",
    startCount: check.checked(message.startCount ?? 0, "Hello.start_count"),
    oldestVersion: check.checked(message.oldestVersion, "Hello.oldest_version"),
    newestVersion: check.checked(message.newestVersion, "Hello.newest_version"),
    configurations: configurations.toWire(message.configurations),
    slotOut: check.checked(message.slotOut, "Hello.slot_out"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    const sender = role.fromWire(found.role, `${field}.role`);
    const startCount = check.integer(found.startCount, `${field}.start_count`);
    const oldestVersion = check.integer(found.oldestVersion, `${field}.oldest_version`, 1);
    if (sender !== "acceptor" && found.store)
      throw new WireError(
        `${field}.store`,
        "nothing, because only acceptors have stores",
        shown(found.store),
      );
    return {
      kind: "hello",
      clusterId: check.id(found.clusterId, `${field}.cluster_id`),
      id: check.id(found.id, `${field}.id`),
      role: sender,
      ...(sender === "acceptor" ? { store: check.id(found.store, `${field}.store`), startCount } : {}),
      oldestVersion,
      newestVersion: check.integer(found.newestVersion, `${field}.newest_version`, oldestVersion),
      slotOut: check.integer(found.slotOut, `${field}.slot_out`),
      configurations: configurations.fromWire(found.configurations, `${field}.configurations`),
    };
  },
};

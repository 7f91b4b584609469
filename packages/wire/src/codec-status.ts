import type { Ballot, Configuration, Role } from "@synod/core";
import * as check from "./check.js";
import { type Codec, codec, type Mapping } from "./codec.js";
import { ballotOrNone, configuration } from "./codec-value.js";
import { messageType } from "./descriptors.js";
import type * as wire from "./gen-types.js";
import { memberRole, role } from "./hello.js";
import { shown, WireError } from "./wire-error.js";

/** A peer as the answering process sees it. */
export interface PeerStatus {
  readonly id: string;
  readonly role: Role | "client";
  readonly address: string;
  readonly connected: boolean;
  /** The reason why it is not connected, or not counted; empty when all is well. */
  readonly problem: string;
}

export interface AcceptorRoleStatus {
  readonly role: "acceptor";
  readonly store: string;
  readonly startCount: number;
  /** `noBallot` when it promised nothing yet. */
  readonly promised: Ballot;
  readonly highestSlot: number;
  readonly trimmedBelow: number;
}

export interface LeaderRoleStatus {
  readonly role: "leader";
  readonly phase: "passive" | "scouting" | "active";
  readonly ballot: Ballot;
  readonly slotOut: number;
  readonly commanders: number;
  readonly queued: number;
  /** Ids of the acceptors it does not reach. */
  readonly unreachable: readonly string[];
}

export interface ReplicaRoleStatus {
  readonly role: "replica";
  readonly slotOut: number;
  readonly highestKnown: number;
  readonly queued: number;
  readonly outstanding: number;
  /** The chained hash of everything applied, in hexadecimal. */
  readonly hash: string;
  /** Id of the active leader it knows; empty when none. */
  readonly leader: string;
  readonly ballot: Ballot;
  /** On disk through this slot. */
  readonly durableSlot: number;
  readonly services: readonly ServiceVersionStatus[];
  /** A majority of the replicas has everything up to this slot on disk. */
  readonly trimPoint: number;
  /** Keys and values that the services have stored. */
  readonly stateBytes: number;
  /** The quota: how many bytes services may store. */
  readonly quotaBytes: number;
  /** Problems that do not keep it from going on, in words for people. */
  readonly warnings: readonly string[];
  /** The version of Node that it runs on. */
  readonly node: string;
  /** Fingerprint of what handlers can see of that. */
  readonly runtime: string;
  /** The last slot that switched a version; 0 when none did. */
  readonly lastSwitch: number;
  /** Absent while it executes what is decided. */
  readonly halt?: HaltStatus | undefined;
  /** Absent unless another replica brings it up. */
  readonly catchingUp?: CatchingUpStatus | undefined;
}

/** The progress of a replica that another one brings up (rule 19). */
export interface CatchingUpStatus {
  /** Id of the replica that helps. */
  readonly from: string;
  /** The slot after which the other's state, which comes in, was as it is; 0 when it is the other's log. */
  readonly slot: number;
  readonly rows: number;
  readonly ofRows: number;
  readonly bytes: number;
  readonly slotsLeft: number;
  /** Seconds until the state is here; absent where that cannot be told. */
  readonly secondsLeft?: number | undefined;
}

const haltKinds = ["diverged", "foreign", "missed", "lacking", "stuck", "held"] as const;

/** The reason why a replica executes nothing more, though its process runs. */
export interface HaltStatus {
  readonly kind: (typeof haltKinds)[number];
  /** The slot that is not executed. */
  readonly slot: number;
  /** Remedies for it that the replica knows. */
  readonly remedies: number;
  /** The command that keeps it from being executed, where that is known. */
  readonly command?: number | undefined;
}

/** A replicated service as one replica has it. */
export interface ServiceVersionStatus {
  readonly name: string;
  /** 0 when it was taken out of use, or was never used. */
  readonly inForce: number;
  /** The versions that the replica's build can run; 0 when it does not have the service. */
  readonly oldestOffered: number;
  readonly newestOffered: number;
  /** SHA-256 of the module that it loaded, in hexadecimal; empty for a service that comes with Synod. */
  readonly build: string;
}

/** A role's report about itself. */
export interface Status {
  readonly clusterId: string;
  readonly id: string;
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly serving: boolean;
  /** The reason why nothing can be decided, in words; empty when all is well. */
  readonly problem: string;
  readonly peers: readonly PeerStatus[];
  /** The members as this process knows them: the latest configuration decided. */
  readonly configuration: Configuration;
  /** Names the role too. */
  readonly state: AcceptorRoleStatus | LeaderRoleStatus | ReplicaRoleStatus;
}

const phases = ["passive", "scouting", "active"] as const;

function phase(value: string | undefined, field: string): (typeof phases)[number] {
  const found = phases.find((known) => known === value);
  if (found !== undefined) return found;
  throw new WireError(field, phases.join(", "), shown(value));
}

const acceptorStatus: Mapping<AcceptorRoleStatus, wire.AcceptorStatus> = {
  toWire: (message) => ({
    store: message.store,
    startCount: check.checked(message.startCount, "AcceptorStatus.start_count"),
    promised: ballotOrNone.toWire(message.promised),
    highestSlot: check.checked(message.highestSlot, "AcceptorStatus.highest_slot"),
    trimmedBelow: check.checked(message.trimmedBelow, "AcceptorStatus.trimmed_below"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      role: "acceptor",
      store: check.id(found.store, `${field}.store`),
      startCount: check.integer(found.startCount, `${field}.start_count`),
      promised: ballotOrNone.fromWire(found.promised, `${field}.promised`),
      highestSlot: check.integer(found.highestSlot, `${field}.highest_slot`),
      trimmedBelow: check.integer(found.trimmedBelow, `${field}.trimmed_below`),
    };
  },
};

const leaderStatus: Mapping<LeaderRoleStatus, wire.LeaderRoleStatus> = {
  toWire: (message) => ({
    phase: message.phase,
    ballot: ballotOrNone.toWire(message.ballot),
    slotOut: check.checked(message.slotOut, "LeaderRoleStatus.slot_out"),
    commanders: check.checked(message.commanders, "LeaderRoleStatus.commanders"),
    queued: check.checked(message.queued, "LeaderRoleStatus.queued"),
    unreachable: [...message.unreachable],
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      role: "leader",
      phase: phase(found.phase, `${field}.phase`),
      ballot: ballotOrNone.fromWire(found.ballot, `${field}.ballot`),
      slotOut: check.integer(found.slotOut, `${field}.slot_out`),
      commanders: check.integer(found.commanders, `${field}.commanders`),
      queued: check.integer(found.queued, `${field}.queued`),
      unreachable: check.list(found.unreachable, `${field}.unreachable`, check.maxMembers, check.id),
    };
  },
};

const maxServices = 10_000;
const maxWarnings = 1_000;

const serviceVersion: Mapping<ServiceVersionStatus, wire.ServiceVersionStatus> = {
  toWire: (message) => ({
    name: message.name,
    inForce: check.checked(message.inForce, "ServiceVersionStatus.in_force"),
    oldestOffered: check.checked(message.oldestOffered, "ServiceVersionStatus.oldest_offered"),
    newestOffered: check.checked(message.newestOffered, "ServiceVersionStatus.newest_offered"),
    build: message.build,
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      name: check.service(found.name, `${field}.name`),
      inForce: check.integer(found.inForce, `${field}.in_force`),
      oldestOffered: check.integer(found.oldestOffered, `${field}.oldest_offered`),
      newestOffered: check.integer(found.newestOffered, `${field}.newest_offered`),
      build: check.text(found.build, `${field}.build`),
    };
  },
};

const halt: Mapping<HaltStatus | undefined, wire.Halt | null> = {
  toWire: (message) =>
    message === undefined
      ? null
      : {
          kind: message.kind,
          slot: check.checked(message.slot, "Halt.slot"),
          remedies: check.checked(message.remedies, "Halt.remedies"),
          ...(message.command === undefined
            ? {}
            : { command: check.checked(message.command, "Halt.command") }),
        },
  fromWire: (message, field) => {
    if (!message) return undefined;
    const kind = haltKinds.find((known) => known === message.kind);
    if (kind === undefined) throw new WireError(`${field}.kind`, haltKinds.join(", "), shown(message.kind));
    return {
      kind,
      slot: check.slot(message.slot, `${field}.slot`),
      remedies: check.integer(message.remedies, `${field}.remedies`),
      ...(typeof message.command === "number"
        ? { command: check.integer(message.command, `${field}.command`) }
        : {}),
    };
  },
};

const catchingUp: Mapping<CatchingUpStatus | undefined, wire.CatchingUp | null> = {
  toWire: (message) =>
    message === undefined
      ? null
      : {
          from: message.from,
          slot: check.checked(message.slot, "CatchingUp.slot"),
          rows: check.checked(message.rows, "CatchingUp.rows"),
          ofRows: check.checked(message.ofRows, "CatchingUp.of_rows"),
          bytes: check.checked(message.bytes, "CatchingUp.bytes"),
          slotsLeft: check.checked(message.slotsLeft, "CatchingUp.slots_left"),
          ...(message.secondsLeft === undefined
            ? {}
            : { secondsLeft: check.checked(message.secondsLeft, "CatchingUp.seconds_left") }),
        },
  fromWire: (message, field) => {
    if (!message) return undefined;
    return {
      from: check.id(message.from, `${field}.from`),
      slot: check.integer(message.slot, `${field}.slot`),
      rows: check.integer(message.rows, `${field}.rows`),
      ofRows: check.integer(message.ofRows, `${field}.of_rows`),
      bytes: check.integer(message.bytes, `${field}.bytes`),
      slotsLeft: check.integer(message.slotsLeft, `${field}.slots_left`),
      ...(typeof message.secondsLeft === "number"
        ? { secondsLeft: check.integer(message.secondsLeft, `${field}.seconds_left`) }
        : {}),
    };
  },
};

const replicaStatus: Mapping<ReplicaRoleStatus, wire.ReplicaRoleStatus> = {
  toWire: (message) => ({
    slotOut: check.checked(message.slotOut, "ReplicaRoleStatus.slot_out"),
    highestKnown: check.checked(message.highestKnown, "ReplicaRoleStatus.highest_known"),
    queued: check.checked(message.queued, "ReplicaRoleStatus.queued"),
    outstanding: check.checked(message.outstanding, "ReplicaRoleStatus.outstanding"),
    hash: message.hash,
    leader: message.leader,
    ballot: ballotOrNone.toWire(message.ballot),
    durableSlot: check.checked(message.durableSlot, "ReplicaRoleStatus.durable_slot"),
    services: message.services.map(serviceVersion.toWire),
    trimPoint: check.checked(message.trimPoint, "ReplicaRoleStatus.trim_point"),
    stateBytes: check.checked(message.stateBytes, "ReplicaRoleStatus.state_bytes"),
    quotaBytes: check.checked(message.quotaBytes, "ReplicaRoleStatus.quota_bytes"),
    warnings: [...message.warnings],
    node: message.node,
    runtime: message.runtime,
    lastSwitch: check.checked(message.lastSwitch, "ReplicaRoleStatus.last_switch"),
    halt: halt.toWire(message.halt),
    catchingUp: catchingUp.toWire(message.catchingUp),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      role: "replica",
      slotOut: check.integer(found.slotOut, `${field}.slot_out`),
      highestKnown: check.integer(found.highestKnown, `${field}.highest_known`),
      queued: check.integer(found.queued, `${field}.queued`),
      outstanding: check.integer(found.outstanding, `${field}.outstanding`),
      hash: check.text(found.hash, `${field}.hash`),
      leader: check.optionalId(found.leader, `${field}.leader`),
      ballot: ballotOrNone.fromWire(found.ballot, `${field}.ballot`),
      durableSlot: check.integer(found.durableSlot, `${field}.durable_slot`),
      services: check.list(found.services, `${field}.services`, maxServices, serviceVersion.fromWire),
      trimPoint: check.integer(found.trimPoint, `${field}.trim_point`),
      stateBytes: check.integer(found.stateBytes, `${field}.state_bytes`),
      quotaBytes: check.integer(found.quotaBytes, `${field}.quota_bytes`),
      warnings: check.list(found.warnings, `${field}.warnings`, maxWarnings, check.text),
      node: check.text(found.node, `${field}.node`),
      runtime: check.text(found.runtime, `${field}.runtime`),
      lastSwitch: check.integer(found.lastSwitch, `${field}.last_switch`),
      halt: halt.fromWire(found.halt, `${field}.halt`),
      catchingUp: catchingUp.fromWire(found.catchingUp, `${field}.catching_up`),
    };
  },
};

const peer: Mapping<PeerStatus, wire.PeerStatus> = {
  toWire: (message) => ({ ...message, role: role.toWire(message.role) }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      id: check.id(found.id, `${field}.id`),
      role: role.fromWire(found.role, `${field}.role`),
      address: check.text(found.address, `${field}.address`),
      connected: found.connected ?? false,
      problem: check.text(found.problem, `${field}.problem`),
    };
  },
};

function stateToWire(state: Status["state"]): Pick<wire.StatusResponse, "acceptor" | "leader" | "replica"> {
  switch (state.role) {
    case "acceptor":
      return { acceptor: acceptorStatus.toWire(state) };
    case "leader":
      return { leader: leaderStatus.toWire(state) };
    case "replica":
      return { replica: replicaStatus.toWire(state) };
  }
}

function stateFromWire(message: wire.StatusResponse, field: string): Status["state"] {
  const member = check.oneMember(message, ["acceptor", "leader", "replica"], `${field}.state`);
  const said = memberRole(message.role, `${field}.role`);
  if (said !== member) throw new WireError(`${field}.state`, `that of the role, ${said}`, member);
  switch (member) {
    case "acceptor":
      return acceptorStatus.fromWire(message.acceptor, `${field}.acceptor`);
    case "leader":
      return leaderStatus.fromWire(message.leader, `${field}.leader`);
    case "replica":
      return replicaStatus.fromWire(message.replica, `${field}.replica`);
  }
}

const maxPeers = 10_000;

const status: Mapping<Status, wire.StatusResponse> = {
  toWire: (message) => ({
    clusterId: message.clusterId,
    id: message.id,
    role: role.toWire(message.state.role),
    version: message.version,
    pid: check.checked(message.pid, "StatusResponse.pid"),
    uptimeSeconds: message.uptimeSeconds,
    serving: message.serving,
    problem: message.problem,
    peers: message.peers.map(peer.toWire),
    configuration: configuration.toWire(message.configuration),
    ...stateToWire(message.state),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      clusterId: check.id(found.clusterId, `${field}.cluster_id`),
      id: check.id(found.id, `${field}.id`),
      version: check.text(found.version, `${field}.version`),
      pid: check.integer(found.pid, `${field}.pid`),
      uptimeSeconds: Number(found.uptimeSeconds ?? 0),
      serving: found.serving ?? false,
      problem: check.text(found.problem, `${field}.problem`),
      peers: check.list(found.peers, `${field}.peers`, maxPeers, peer.fromWire),
      state: stateFromWire(found, field),
      configuration: configuration.fromWire(found.configuration, `${field}.configuration`),
    };
  },
};

export const statusRequest: Codec<Record<string, never>> = codec(
  messageType<wire.StatusRequest>("synod.v1.StatusRequest"),
  { toWire: () => ({}), fromWire: () => ({}) },
);

export const statusResponse: Codec<Status> = codec(
  messageType<wire.StatusResponse>("synod.v1.StatusResponse"),
  status,
);

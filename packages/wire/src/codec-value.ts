import {
  type AcceptorMember,
  type Ballot,
  type Configuration,
  type Member,
  noBallot,
  noOperation,
  type ProposalId,
  type PValue,
  type RulingConfiguration,
  type TrimRecord,
  type Value,
} from "@synod/core";
import * as check from "./check.js";
import { type Codec, codec, type Mapping, storedCodec } from "./codec.js";
import { messageType } from "./descriptors.js";
import type * as wire from "./gen-types.js";
import { shown, WireError } from "./wire-error.js";

/** A ballot of some leader. */
export const ballot: Mapping<Ballot, wire.Ballot> = {
  toWire: (message) => ({
    round: check.checked(message.round, "Ballot.round"),
    leader: message.leader,
    incarnation: check.checked(message.incarnation, "Ballot.incarnation"),
  }),
  fromWire: (message, field) => {
    const { round, leader, incarnation } = check.present(message, field);
    return {
      round: check.integer(round, `${field}.round`),
      leader: check.id(leader, `${field}.leader`),
      incarnation: check.integer(incarnation, `${field}.incarnation`),
    };
  },
};

/** A ballot, or the paper's ⊥, which is an unset field (an empty message reads the same). */
export const ballotOrNone: Mapping<Ballot, wire.Ballot | null> = {
  toWire: (message) => (message.leader === "" && message.round === 0 ? null : ballot.toWire(message)),
  fromWire: (message, field) => {
    if (message === null || message === undefined) return noBallot;
    const { round, leader, incarnation } = message;
    const empty = !leader && check.integer(round, field) === 0 && check.integer(incarnation, field) === 0;
    return empty ? noBallot : ballot.fromWire(message, field);
  },
};

const proposalId: Mapping<ProposalId, wire.ProposalId> = {
  toWire: (message) => ({
    replica: message.replica,
    incarnation: check.checked(message.incarnation, "ProposalId.incarnation"),
    number: check.checked(message.number, "ProposalId.number"),
  }),
  fromWire: (message, field) => {
    const { replica, incarnation, number } = check.present(message, field);
    return {
      replica: check.id(replica, `${field}.replica`),
      incarnation: check.integer(incarnation, `${field}.incarnation`),
      number: check.integer(number, `${field}.number`),
    };
  },
};

function member(message: wire.Member, field: string): Member {
  if (message.store)
    throw new WireError(
      `${field}.store`,
      "nothing, because only acceptors have stores",
      shown(message.store),
    );
  return {
    id: check.id(message.id, `${field}.id`),
    address: check.hostAndPort(message.address, `${field}.address`),
  };
}

function acceptorMember(message: wire.Member, field: string): AcceptorMember {
  return {
    id: check.id(message.id, `${field}.id`),
    address: check.hostAndPort(message.address, `${field}.address`),
    store: check.id(message.store, `${field}.store`),
  };
}

/** Quorums count distinct members, so a name twice would make a majority of fewer. */
function distinct<M extends Member>(members: M[], field: string, key: (member: M) => string): M[] {
  const seen = new Set<string>();
  for (const one of members) {
    if (seen.has(key(one))) throw new WireError(field, "each once", `${shown(key(one))} twice`);
    seen.add(key(one));
  }
  return members;
}

export const configuration: Mapping<Configuration, wire.Configuration> = {
  toWire: (message) => ({
    number: check.checked(message.number, "Configuration.number"),
    predecessor: check.checked(message.predecessor, "Configuration.predecessor"),
    acceptors: message.acceptors.map(({ id, address, store }) => ({ id, address, store })),
    leaders: message.leaders.map(({ id, address }) => ({ id, address })),
    replicas: message.replicas.map(({ id, address }) => ({ id, address })),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    const members = (of: wire.Member[] | undefined, where: string) =>
      distinct(check.list(of, where, check.maxMembers, member), where, ({ id }) => id);
    const acceptors = check.list(found.acceptors, `${field}.acceptors`, check.maxMembers, acceptorMember);
    if (acceptors.length === 0) throw new WireError(`${field}.acceptors`, "at least one", "none");
    distinct(acceptors, `${field}.acceptors`, ({ id }) => id);
    distinct(acceptors, `${field}.acceptors`, ({ store }) => store);
    return {
      number: check.integer(found.number, `${field}.number`, 1),
      predecessor: check.integer(found.predecessor, `${field}.predecessor`),
      acceptors,
      leaders: members(found.leaders, `${field}.leaders`),
      replicas: members(found.replicas, `${field}.replicas`),
    };
  },
};

const rulingConfiguration: Mapping<RulingConfiguration, wire.RulingConfiguration> = {
  toWire: (message) => ({
    from: check.checked(message.from, "RulingConfiguration.from"),
    configuration: configuration.toWire(message.configuration),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      from: check.slot(found.from, `${field}.from`),
      configuration: configuration.fromWire(found.configuration, `${field}.configuration`),
    };
  },
};

export const configurations: Mapping<readonly RulingConfiguration[], wire.RulingConfiguration[]> = {
  toWire: (message) => message.map(rulingConfiguration.toWire),
  fromWire: (message, field) =>
    check.list(message ?? [], field, check.maxConfigurations, rulingConfiguration.fromWire),
};

export const trimRecord: Mapping<TrimRecord, wire.TrimRecord> = {
  toWire: (message) => ({
    below: check.checked(message.below, "TrimRecord.below"),
    configurations: configurations.toWire(message.configurations),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      below: check.integer(found.below, `${field}.below`),
      configurations: configurations.fromWire(found.configurations, `${field}.configurations`),
    };
  },
};

const valueKinds = ["batch", "configuration", "noOperation"] as const;

export const value: Mapping<Value, wire.Value> = {
  toWire: (message) => {
    switch (message.kind) {
      case "batch":
        return { proposal: proposalId.toWire(message.proposal), batch: opaque(message.commands) };
      case "configuration":
        return {
          proposal: proposalId.toWire(message.proposal),
          configuration: configuration.toWire(message.configuration),
        };
      case "no-op":
        return { noOperation: {} };
    }
  },
  fromWire: (message, field) => {
    const found = check.present(message, field);
    switch (check.oneMember(found, valueKinds, `${field}.kind`)) {
      case "batch":
        return {
          kind: "batch",
          proposal: proposalId.fromWire(found.proposal, `${field}.proposal`),
          commands: found.batch as unknown as Uint8Array,
        };
      case "configuration":
        return {
          kind: "configuration",
          proposal: proposalId.fromWire(found.proposal, `${field}.proposal`),
          configuration: configuration.fromWire(found.configuration, `${field}.configuration`),
        };
      case "noOperation":
        if (found.proposal)
          throw new WireError(`${field}.proposal`, "nothing beside a no-op", "a proposal id");
        return noOperation;
    }
  },
};

/** The generated types know the batch as a message; the carrier's view (descriptors.ts) has its bytes there. */
function opaque(commands: Uint8Array): wire.Batch {
  return commands as unknown as wire.Batch;
}

export const pvalue: Mapping<PValue, wire.PValue> = {
  toWire: (message) => ({
    ballot: ballot.toWire(message.ballot),
    slot: check.checked(message.slot, "PValue.slot"),
    value: value.toWire(message.value),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      ballot: ballot.fromWire(found.ballot, `${field}.ballot`),
      slot: check.slot(found.slot, `${field}.slot`),
      value: value.fromWire(found.value, `${field}.value`),
    };
  },
};

/** The value of a slot as replicas keep it in their logs: the same bytes as within any message. */
export const { encode: encodeValue, decode: decodeValue } = codec<Value, wire.Value>(
  messageType("synod.v1.Value"),
  value,
);

/** For acceptors' records on disk: the same bytes as within any message. */
export const recordCodec = {
  ballot: storedCodec<Ballot, wire.Ballot>(messageType("synod.v1.Ballot"), ballot),
  pvalue: storedCodec<PValue, wire.PValue>(messageType("synod.v1.PValue"), pvalue),
  trimRecord: storedCodec<TrimRecord, wire.TrimRecord>(messageType("synod.v1.TrimRecord"), trimRecord),
};

/** For the configurations in the replicated state: the same bytes as within any message. */
export const configurationCodec: Codec<RulingConfiguration> = codec<
  RulingConfiguration,
  wire.RulingConfiguration
>(messageType("synod.v1.RulingConfiguration"), rulingConfiguration);

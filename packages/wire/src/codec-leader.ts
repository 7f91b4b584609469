import type {
  Decision,
  FromLeader,
  LeaderStatus,
  Ping,
  Pong,
  Propose,
  Question,
  ReplicaStatus,
  ToLeader,
  Trimmed,
} from "@synod/core";
import * as check from "./check.js";
import { codec, encodedOnce, type Mapping } from "./codec.js";
import { ballotOrNone, configurations, trimRecord, value } from "./codec-value.js";
import { messageType } from "./descriptors.js";
import { envelope, member } from "./envelope.js";
import type * as wire from "./gen-types.js";
import { type Hello, hello } from "./hello.js";

const propose: Mapping<Propose, wire.Propose> = {
  toWire: (message) => ({
    slot: check.checked(message.slot, "Propose.slot"),
    value: value.toWire(message.value),
    forwarded: message.forwarded,
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "propose",
      slot: check.slot(found.slot, `${field}.slot`),
      value: value.fromWire(found.value, `${field}.value`),
      forwarded: found.forwarded ?? false,
    };
  },
};

export const decision: Mapping<Decision, wire.Decision> = {
  toWire: (message) => ({
    slot: check.checked(message.slot, "Decision.slot"),
    value: value.toWire(message.value),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "decision",
      slot: check.slot(found.slot, `${field}.slot`),
      value: value.fromWire(found.value, `${field}.value`),
    };
  },
};

const question: Mapping<Question, wire.Question> = {
  toWire: (message) => ({
    from: check.checked(message.from, "Question.from"),
    through: check.checked(message.through, "Question.through"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    const from = check.slot(found.from, `${field}.from`);
    return { kind: "question", from, through: check.integer(found.through, `${field}.through`, from) };
  },
};

const replicaStatus: Mapping<ReplicaStatus, wire.ReplicaStatus> = {
  toWire: (message) => ({
    slotOut: check.checked(message.slotOut, "ReplicaStatus.slot_out"),
    trimmedBelow: check.checked(message.trimmedBelow, "ReplicaStatus.trimmed_below"),
    configurations: configurations.toWire(message.configurations),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "replica-status",
      slotOut: check.slot(found.slotOut, `${field}.slot_out`),
      trimmedBelow: check.integer(found.trimmedBelow, `${field}.trimmed_below`),
      configurations: configurations.fromWire(found.configurations, `${field}.configurations`),
    };
  },
};

const leaderStatus: Mapping<LeaderStatus, wire.LeaderStatus> = {
  toWire: (message) => ({
    active: message.active,
    ballot: ballotOrNone.toWire(message.ballot),
    slotOut: check.checked(message.slotOut, "LeaderStatus.slot_out"),
    unreachable: [...message.unreachable],
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "leader-status",
      active: found.active ?? false,
      ballot: ballotOrNone.fromWire(found.ballot, `${field}.ballot`),
      slotOut: check.slot(found.slotOut, `${field}.slot_out`),
      unreachable: check.list(found.unreachable, `${field}.unreachable`, check.maxMembers, check.id),
    };
  },
};

const trimmed: Mapping<Trimmed, wire.TrimRecord> = {
  toWire: (message) => trimRecord.toWire(message.trim),
  fromWire: (message, field) => ({ kind: "trimmed", trim: trimRecord.fromWire(message, field) }),
};

const ping: Mapping<Ping, wire.Ping> = {
  toWire: (message) => ({ number: check.checked(message.number, "Ping.number") }),
  fromWire: (message, field) => ({
    kind: "ping",
    number: check.integer(check.present(message, field).number, `${field}.number`),
  }),
};

const pong: Mapping<Pong, wire.Pong> = {
  toWire: (message) => ({
    number: check.checked(message.number, "Pong.number"),
    leading: message.leading,
    ballot: ballotOrNone.toWire(message.ballot),
    slotOut: check.checked(message.slotOut, "Pong.slot_out"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "pong",
      number: check.integer(found.number, `${field}.number`),
      leading: found.leading ?? false,
      ballot: ballotOrNone.fromWire(found.ballot, `${field}.ballot`),
      slotOut: check.slot(found.slotOut, `${field}.slot_out`),
    };
  },
};

/** Replica or fellow leader → leader. */
export const toLeader = encodedOnce(
  envelope<wire.ToLeader, Hello | ToLeader>("synod.v1.ToLeader", {
    hello: member("hello", hello),
    propose: member("propose", propose),
    question: member("question", question),
    replicaStatus: member("replica-status", replicaStatus),
    ping: member("ping", ping),
  }),
);

/** Leader → replica or fellow leader. */
export const fromLeader = encodedOnce(
  envelope<wire.FromLeader, Hello | FromLeader>("synod.v1.FromLeader", {
    hello: member("hello", hello),
    decision: member("decision", decision),
    leaderStatus: member("leader-status", leaderStatus),
    trim: member("trimmed", trimmed),
    pong: member("pong", pong),
  }),
);

/** The unary call, for a person with grpcurl and for contract tests. */
export const submitRequest = codec(messageType<wire.Propose>("synod.v1.Propose"), propose);
export const submitResponse = codec(messageType<wire.Decision>("synod.v1.Decision"), decision);

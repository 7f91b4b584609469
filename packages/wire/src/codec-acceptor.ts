import type {
  FromAcceptor,
  Heartbeat,
  HeartbeatAck,
  P1a,
  P1b,
  P2a,
  P2b,
  PreVote,
  PreVoteAnswer,
  ToAcceptor,
  Trim,
} from "@synod/core";
import * as check from "./check.js";
import { codec, encodedOnce, type Mapping } from "./codec.js";
import { ballot, ballotOrNone, pvalue, trimRecord } from "./codec-value.js";
import { messageType } from "./descriptors.js";
import { envelope, member } from "./envelope.js";
import type * as wire from "./gen-types.js";
import { type Hello, hello } from "./hello.js";

/** Bounds nothing that gRPC's limit on a message does not bound already. */
const maxPageSlots = 1 << 20;

const p1a: Mapping<P1a, wire.P1a> = {
  toWire: (message) => ({
    ballot: ballot.toWire(message.ballot),
    configuration: check.checked(message.configuration, "P1a.configuration"),
    from: check.checked(message.from, "P1a.from"),
    scout: check.checked(message.scout, "P1a.scout"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "p1a",
      ballot: ballot.fromWire(found.ballot, `${field}.ballot`),
      configuration: check.integer(found.configuration, `${field}.configuration`),
      from: check.slot(found.from, `${field}.from`),
      scout: check.integer(found.scout, `${field}.scout`),
    };
  },
};

const p1b: Mapping<P1b, wire.P1b> = {
  toWire: (message) => ({
    acceptor: message.acceptor,
    store: message.store,
    asked: ballot.toWire(message.asked),
    configuration: check.checked(message.configuration, "P1b.configuration"),
    from: check.checked(message.from, "P1b.from"),
    scout: check.checked(message.scout, "P1b.scout"),
    promised: ballotOrNone.toWire(message.promised),
    accepted: message.accepted.map(pvalue.toWire),
    next: check.checked(message.next, "P1b.next"),
    trim: trimRecord.toWire(message.trim),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "p1b",
      acceptor: check.id(found.acceptor, `${field}.acceptor`),
      store: check.id(found.store, `${field}.store`),
      asked: ballot.fromWire(found.asked, `${field}.asked`),
      configuration: check.integer(found.configuration, `${field}.configuration`),
      from: check.slot(found.from, `${field}.from`),
      scout: check.integer(found.scout, `${field}.scout`),
      promised: ballotOrNone.fromWire(found.promised, `${field}.promised`),
      accepted: check.list(found.accepted, `${field}.accepted`, maxPageSlots, pvalue.fromWire),
      next: check.integer(found.next, `${field}.next`),
      trim: trimRecord.fromWire(found.trim, `${field}.trim`),
    };
  },
};

const p2a: Mapping<P2a, wire.P2a> = {
  toWire: (message) => ({ pvalue: pvalue.toWire(message.pvalue) }),
  fromWire: (message, field) => ({
    kind: "p2a",
    pvalue: pvalue.fromWire(check.present(message, field).pvalue, `${field}.pvalue`),
  }),
};

const p2b: Mapping<P2b, wire.P2b> = {
  toWire: (message) => ({
    acceptor: message.acceptor,
    store: message.store,
    asked: ballot.toWire(message.asked),
    slot: check.checked(message.slot, "P2b.slot"),
    promised: ballotOrNone.toWire(message.promised),
    trim: message.trim ? trimRecord.toWire(message.trim) : null,
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "p2b",
      acceptor: check.id(found.acceptor, `${field}.acceptor`),
      store: check.id(found.store, `${field}.store`),
      asked: ballot.fromWire(found.asked, `${field}.asked`),
      slot: check.slot(found.slot, `${field}.slot`),
      promised: ballotOrNone.fromWire(found.promised, `${field}.promised`),
      ...(found.trim ? { trim: trimRecord.fromWire(found.trim, `${field}.trim`) } : {}),
    };
  },
};

const heartbeat: Mapping<Heartbeat, wire.Heartbeat> = {
  toWire: (message) => ({
    ballot: ballot.toWire(message.ballot),
    beat: check.checked(message.beat, "Heartbeat.beat"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "heartbeat",
      ballot: ballot.fromWire(found.ballot, `${field}.ballot`),
      beat: check.integer(found.beat, `${field}.beat`),
    };
  },
};

const heartbeatAck: Mapping<HeartbeatAck, wire.HeartbeatAck> = {
  toWire: (message) => ({
    acceptor: message.acceptor,
    store: message.store,
    ballot: ballot.toWire(message.ballot),
    beat: check.checked(message.beat, "HeartbeatAck.beat"),
    promised: ballotOrNone.toWire(message.promised),
    trimmedBelow: check.checked(message.trimmedBelow, "HeartbeatAck.trimmed_below"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "heartbeat-ack",
      acceptor: check.id(found.acceptor, `${field}.acceptor`),
      store: check.id(found.store, `${field}.store`),
      ballot: ballot.fromWire(found.ballot, `${field}.ballot`),
      beat: check.integer(found.beat, `${field}.beat`),
      promised: ballotOrNone.fromWire(found.promised, `${field}.promised`),
      trimmedBelow: check.integer(found.trimmedBelow, `${field}.trimmed_below`),
    };
  },
};

const preVote: Mapping<PreVote, wire.PreVote> = {
  toWire: (message) => ({
    ballot: ballot.toWire(message.ballot),
    configuration: check.checked(message.configuration, "PreVote.configuration"),
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "pre-vote",
      ballot: ballot.fromWire(found.ballot, `${field}.ballot`),
      configuration: check.integer(found.configuration, `${field}.configuration`),
    };
  },
};

const preVoteAnswer: Mapping<PreVoteAnswer, wire.PreVoteAnswer> = {
  toWire: (message) => ({
    acceptor: message.acceptor,
    store: message.store,
    asked: ballot.toWire(message.asked),
    configuration: check.checked(message.configuration, "PreVoteAnswer.configuration"),
    promised: ballotOrNone.toWire(message.promised),
    hears: message.hears,
  }),
  fromWire: (message, field) => {
    const found = check.present(message, field);
    return {
      kind: "pre-vote-answer",
      acceptor: check.id(found.acceptor, `${field}.acceptor`),
      store: check.id(found.store, `${field}.store`),
      asked: ballot.fromWire(found.asked, `${field}.asked`),
      configuration: check.integer(found.configuration, `${field}.configuration`),
      promised: ballotOrNone.fromWire(found.promised, `${field}.promised`),
      hears: found.hears ?? false,
    };
  },
};

const trim: Mapping<Trim, wire.TrimRecord> = {
  toWire: (message) => trimRecord.toWire(message.trim),
  fromWire: (message, field) => ({ kind: "trim", trim: trimRecord.fromWire(message, field) }),
};

/** Leader → acceptor. */
export const toAcceptor = encodedOnce(
  envelope<wire.ToAcceptor, Hello | ToAcceptor>("synod.v1.ToAcceptor", {
    hello: member("hello", hello),
    p1a: member("p1a", p1a),
    p2a: member("p2a", p2a),
    heartbeat: member("heartbeat", heartbeat),
    preVote: member("pre-vote", preVote),
    trim: member("trim", trim),
  }),
);

/** Acceptor → leader. */
export const fromAcceptor = envelope<wire.FromAcceptor, Hello | FromAcceptor>("synod.v1.FromAcceptor", {
  hello: member("hello", hello),
  p1b: member("p1b", p1b),
  p2b: member("p2b", p2b),
  heartbeatAck: member("heartbeat-ack", heartbeatAck),
  preVoteAnswer: member("pre-vote-answer", preVoteAnswer),
});

/** The unary calls, for a person with grpcurl and for contract tests. */
export const prepareRequest = codec(messageType<wire.P1a>("synod.v1.P1a"), p1a);
export const prepareResponse = codec(messageType<wire.P1b>("synod.v1.P1b"), p1b);
export const acceptRequest = codec(messageType<wire.P2a>("synod.v1.P2a"), p2a);
export const acceptResponse = codec(messageType<wire.P2b>("synod.v1.P2b"), p2b);

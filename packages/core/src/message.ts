import type { Ballot } from "./ballot.js";
import type { RulingConfiguration, TrimRecord } from "./configuration.js";
import type { PValue, Value } from "./pvalue.js";

/*
 * Every message is a type of its own; who sends it to whom stands on it, and proto/synod/v1/paxos.proto draws how
 * they follow each other. The sender's name travels in the envelope (input.ts); answers of acceptors also name their
 * store, because only answers from the bound store count (rule 5).
 */

/** Leader's scout → acceptor (PMMC 2.2): promise `ballot`, and tell what you accepted from slot `from` on. */
export interface P1a {
  readonly kind: "p1a";
  readonly ballot: Ballot;
  readonly configuration: number;
  readonly from: number;
  /** Number of the scout within its leader's incarnation: a late page of an earlier scout never counts. */
  readonly scout: number;
}

/** Acceptor → scout: one page. Counts only if `promised` equals `asked`. `next` is 0 on the last page. */
export interface P1b {
  readonly kind: "p1b";
  readonly acceptor: string;
  readonly store: string;
  readonly asked: Ballot;
  readonly configuration: number;
  readonly from: number;
  readonly scout: number;
  readonly promised: Ballot;
  readonly accepted: readonly PValue[];
  readonly next: number;
  readonly trim: TrimRecord;
}

/** Leader's commander → acceptor (PMMC 2.2): accept this pvalue. */
export interface P2a {
  readonly kind: "p2a";
  readonly pvalue: PValue;
}

/** Acceptor → commander. A vote only if `promised` equals `asked`; with `trim` the slot is long decided. */
export interface P2b {
  readonly kind: "p2b";
  readonly acceptor: string;
  readonly store: string;
  readonly asked: Ballot;
  readonly slot: number;
  readonly promised: Ballot;
  readonly trim?: TrimRecord | undefined;
}

/** Leader → acceptor: this ballot is led. Never waits for a disk (rule 11). */
export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly ballot: Ballot;
  readonly beat: number;
}

/** Acceptor → leader. */
export interface HeartbeatAck {
  readonly kind: "heartbeat-ack";
  readonly acceptor: string;
  readonly store: string;
  readonly ballot: Ballot;
  readonly beat: number;
  readonly promised: Ballot;
  /** Everything below is trimmed there, so that the leader knows who lags. */
  readonly trimmedBelow: number;
}

/** Leader → acceptor: would you promise, and do you still hear the present leader? Changes nothing there (rule 11). */
export interface PreVote {
  readonly kind: "pre-vote";
  readonly ballot: Ballot;
  readonly configuration: number;
}

/** Acceptor → leader. */
export interface PreVoteAnswer {
  readonly kind: "pre-vote-answer";
  readonly acceptor: string;
  readonly store: string;
  readonly asked: Ballot;
  readonly configuration: number;
  readonly promised: Ballot;
  /** The owner of `promised` was heard within one suspicion time. */
  readonly hears: boolean;
}

/**
 * Leader → acceptor (PMMC 4.1, rule 18): everything below is decided, and a majority of the replicas has it on disk. A fact,
 * from whichever leader and at whatever ballot. Not answered: the acceptor's next heartbeat-ack shows whether it arrived.
 */
export interface Trim {
  readonly kind: "trim";
  readonly trim: TrimRecord;
}

/** Replica → leader (PMMC 2.1). `slot` is the replica's slot_out; the leader chooses the slot (rule 10). */
export interface Propose {
  readonly kind: "propose";
  readonly slot: number;
  readonly value: Value;
  /** A passive leader passed it on to the leader it watches. */
  readonly forwarded: boolean;
}

/** Leader's commander → every replica (PMMC 2.1, 2.2). */
export interface Decision {
  readonly kind: "decision";
  readonly slot: number;
  readonly value: Value;
}

/** Replica → leader: I lack the decisions of `from` … `through`, both included (rule 15). */
export interface Question {
  readonly kind: "question";
  readonly from: number;
  readonly through: number;
}

/** Replica → leader, at every heartbeat: everything below `slotOut` is decided, with these configurations. */
export interface ReplicaStatus {
  readonly kind: "replica-status";
  readonly slotOut: number;
  /** A majority of the replicas has everything below on disk (rule 18). */
  readonly trimmedBelow: number;
  readonly configurations: readonly RulingConfiguration[];
}

/** Leader → replica, at every heartbeat and change. */
export interface LeaderStatus {
  readonly kind: "leader-status";
  readonly active: boolean;
  /** Its own ballot when active, else the one it watches; `noBallot` when none. */
  readonly ballot: Ballot;
  readonly slotOut: number;
  /** Ids of the acceptors it does not reach. */
  readonly unreachable: readonly string[];
}

/** Leader → replica: what you ask for is trimmed; fetch a snapshot (rule 9). */
export interface Trimmed {
  readonly kind: "trimmed";
  readonly trim: TrimRecord;
}

/** Leader → the leader it watches (rule 11). */
export interface Ping {
  readonly kind: "ping";
  readonly number: number;
}

/** The answer. */
export interface Pong {
  readonly kind: "pong";
  readonly number: number;
  /** It leads, or runs for it, in touch with a majority. */
  readonly leading: boolean;
  /** Its ballot when leading, else `noBallot`. */
  readonly ballot: Ballot;
  readonly slotOut: number;
}

export type ToAcceptor = P1a | P2a | Heartbeat | PreVote | Trim;
export type FromAcceptor = P1b | P2b | HeartbeatAck | PreVoteAnswer;
export type ToLeader = Propose | Question | ReplicaStatus | Ping;
export type FromLeader = Decision | LeaderStatus | Trimmed | Pong;
export type Message = ToAcceptor | FromAcceptor | ToLeader | FromLeader;

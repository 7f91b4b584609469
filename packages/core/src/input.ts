import type { Command } from "./command.js";
import type { RulingConfiguration } from "./configuration.js";
import type { FromAcceptor, FromLeader, Message, ToAcceptor, ToLeader } from "./message.js";

export type Role = "acceptor" | "leader" | "replica";

/** The sender or receiver of messages. The id is a name from the configuration, or one the driver made for a caller. */
export interface Peer {
  readonly role: Role;
  readonly id: string;
}

/** A message and who sent it. */
export interface Received<M extends Message> {
  readonly kind: "message";
  readonly from: Peer;
  readonly message: M;
}

/**
 * One unit of time has passed. A driver whose process stalled sends one tick for the whole stall, so a stalled
 * process never mistakes its own silence for another's (rule 11).
 */
export interface Tick {
  readonly kind: "tick";
}

/**
 * A peer can be talked to: its hello was read. Everything in the hello is a fact: the configurations are decided, and
 * everything below `slotOut` (replicas; 0 when it said none) is too.
 */
export interface Connected {
  readonly kind: "connected";
  readonly peer: Peer;
  readonly slotOut: number;
  readonly configurations: readonly RulingConfiguration[];
}

/** The connection to a peer was refused or reset. */
export interface Disconnected {
  readonly kind: "disconnected";
  readonly peer: Peer;
}

/** Clients' commands (PMMC 2.1): all that arrived in one turn of the driver, so that they share a batch (rule 13). */
export interface ClientRequests {
  readonly kind: "requests";
  readonly commands: readonly Command[];
}

/** The trim point moved: a majority of the replicas has everything below this slot on disk (rule 18). */
export interface TrimPoint {
  readonly kind: "trim-point";
  readonly below: number;
}

/**
 * The state was replaced by a snapshot (rule 19), which holds everything below `slotOut`, and these configurations.
 * One that is not above the replica's own slot_out says nothing new.
 */
export interface Installed {
  readonly kind: "installed";
  readonly slotOut: number;
  readonly configurations: readonly RulingConfiguration[];
}

/**
 * The decisions from `slotOut` on were given out and not executed (a replica that halted before that slot), and are wanted
 * once more: they are asked for like any that are lacking (rule 15).
 */
export interface Rewound {
  readonly kind: "rewound";
  readonly slotOut: number;
}

/**
 * Commands go back to the driver, in the order in which they came: those not proposed yet, and with `outstanding` those
 * proposed too. What was proposed may be decided all the same, so each must be one that does no harm when it is decided
 * twice. A batch says what time it is (rule 35): one that could not be decided for long is better made anew.
 */
export interface Withdraw {
  readonly kind: "withdraw";
  readonly outstanding: boolean;
}

export type AcceptorInput = Received<ToAcceptor> | Tick | Connected | Disconnected;
export type LeaderInput = Received<ToLeader | FromAcceptor | FromLeader> | Tick | Connected | Disconnected;
export type ReplicaInput =
  | Received<FromLeader>
  | ClientRequests
  | TrimPoint
  | Withdraw
  | Installed
  | Rewound
  | Tick
  | Connected
  | Disconnected;

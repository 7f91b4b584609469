import type { Genesis, Limits, Member, ToLeader, Value } from "@synod/core";
import type {
  Answer,
  BoundService,
  GivenGround,
  HandlerError,
  SessionLimits,
  SlotLimits,
} from "@synod/state-machine";
import type { ExecutionMarker, ReplicaStore } from "@synod/storage";
import type { PeerStatus, Scheduler } from "@synod/wire";
import type { ExecutionWatch } from "../process/execution-watch.js";
import type { HostLogger } from "../process/host.js";
import type { KeptLog } from "./catch-up/log-keeper.js";
import type { OtherReplica } from "./catch-up/other-replica.js";
import type { Halt } from "./halt.js";
import type { OpeningLimits } from "./requests/session-openings.js";

/** Told of what a replica's process does. */
export interface ReplicaObserver {
  /** A slot was executed, with these answers. */
  applied?(slot: number, value: Value, answers: readonly Answer[]): void;
  /** A snapshot took the state's place. */
  replaced?(): void;
  /** Called when the role's outstanding proposals were taken back, to be proposed anew (rule 35). */
  withdrew?(): void;
}

/** The machine below a replica's process, real or simulated. */
export interface ReplicaProcessOptions {
  readonly id: string;
  readonly clusterId: string;
  readonly genesis: Genesis;
  readonly limits: Limits;
  /** A number that no other start of this replica has. */
  readonly incarnation: number;
  /** Opened; whoever made the process closes it. */
  readonly store: ReplicaStore;
  readonly services: readonly BoundService[];
  readonly logger: HostLogger;
  readonly scheduler: Scheduler;
  /** Default: those of this machine. */
  readonly clocks?: { readonly monotonicMs: () => number; readonly wallMs: () => number } | undefined;
  /** Draws from 0 to 1. */
  readonly random: () => number;
  /** A name that nothing else has. */
  readonly drawName: () => string;
  readonly marker?: ExecutionMarker | undefined;
  readonly watch?: Pick<ExecutionWatch, "begin" | "end"> | undefined;
  /** The engine and runtime with which it executes commands, in simulated worlds; those of this process by default. */
  readonly ground?: GivenGround | undefined;
  /** Default: those of every cluster. At least one for each replica, which keeps one of its own. */
  readonly sessionLimits?: SessionLimits | undefined;
  readonly slotLimits?: SlotLimits | undefined;
  /** The sessions that a connection may open. Default: `openingLimits`. */
  readonly openingLimits?: OpeningLimits | undefined;
  readonly keptLog?: KeptLog | undefined;
  /** The factor by which the reporter's waits are shorter than usual. Default 1. */
  readonly reportHaste?: number | undefined;
  /** Bytes of keys and values in a page of a snapshot that is given, at most about. Default 512 KiB. */
  readonly pageBytes?: number | undefined;
  /** Sends to a leader; the message may be lost. */
  send(leader: string, message: ToLeader): void;
  /** The links to the leaders. */
  links(): readonly Pick<PeerStatus, "id" | "connected" | "problem">[];
  reach(peer: Member): OtherReplica;
  onHandlerError(failure: HandlerError): void;
  readonly observer?: ReplicaObserver | undefined;
  onHalted(halt: Halt): void;
  /** The process must end with this exit code; it sends nothing more. */
  onFatal(code: number, error: unknown): void;
}

import type { AcceptorRecord, Genesis, Member, Message, Peer, Random, Value } from "@synod/core";
import type { Dial, OtherReplica } from "@synod/node/parts";
import type { Answer, Engine, GivenGround } from "@synod/state-machine";
import type { Clock } from "./clock.js";
import type { WorldOptions } from "./options.js";
import type { CommandWatch } from "./remedies/lethal-commands.js";
import type { Timers } from "./timers.js";

/** Told of everything that a replica's process does. */
export interface ReplicaWatcher {
  /** A slot was applied, with these answers. */
  applied(replica: string, slot: number, value: Value, engine: Engine, answers: readonly Answer[]): void;
  trimPointMoved(slot: number, before: number, trimPoint: number): void;
  durable(store: string, slot: number): void;
  /** A snapshot has taken the state's place, where this slot was the last applied. */
  installed(replica: string, appliedSlot: number, engine: Engine): void;
}

/** Everything that one life of a process runs on, and all its effects on the world around it. */
export interface Machine {
  readonly id: string;
  readonly genesis: Genesis;
  readonly options: WorldOptions;
  readonly incarnation: number;
  /** The build of the user's service that it runs. */
  readonly build: number;
  /** Counts the builds that it was started with, in worlds where some commands end processes. */
  readonly repairs: number;
  /** In such worlds: told before each command. */
  readonly watch: CommandWatch | undefined;
  /** In worlds where releases of Synod are exchanged. */
  readonly ground: GivenGround | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly dial: Dial;
  readonly watcher: ReplicaWatcher;
  drawName(): string;
  reach(peer: Member): OtherReplica;
  send(to: Peer, message: Message): void;
  /** In worlds of streams: true when the message is lost before it is sent. */
  loses(to: Peer, message: Message): boolean;
  /** An acceptor's process is about to write a record. */
  writes(record: AcceptorRecord): void;
  /** A replica may go on from what it has (rule 32). False when its process has ended meanwhile. */
  takesPart(): boolean;
  /** A replica takes back what it has outstanding. */
  withdraws(): void;
  /** A replica stands still, since its build lacks the version of a service that is in force. */
  lacks(): void;
  /** A replica stands still, since it runs on another ground than what is in force. */
  standsOnAnother(): void;
  /** A replica stands still before a slot that it cannot execute, or promised to wait with (rule 33). */
  waitsForRemedy(): void;
  /** The process has ended by itself, with an exit code. */
  ends(code: number, error: unknown): void;
  /** The process says something in its log. */
  logs(fields: object, text: string): void;
}

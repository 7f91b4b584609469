import { type Command, invariant, type OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import {
  answersCommand,
  decodeAnswer,
  decodeEraName,
  decodeHead,
  type Era,
  encodeAnswer,
  encodeHead,
  eraRow,
  type LogPosition,
  SessionKeys,
  type StoredAnswer,
} from "./session-record.js";

/*
 * Exactly once (rule 16; the paper's replica skips a command that it has performed, PMMC 2.1).
 *
 * Why one high-water mark per client is not enough. A client has commands 1 and 2 outstanding. Its replica proposes 1,
 * the message is lost; it proposes 2, which is decided and executed: mark 2. Then 1 is proposed again and decided.
 * With "executed if sequence ≤ mark", 1 counts as a repeat: it never executes, and the client gets whatever answer is
 * at hand. With "executed if sequence = mark", it is the repeat of 2, decided in a second slot after 3, that executes
 * twice. So a session remembers the answer of every sequence for itself, and only the client, who knows which answers
 * it has, says which of them may go. What it acknowledges is refused for ever: a late copy cannot execute again.
 *
 * Why names come from the log. A client that chose its own name could come back after its session was let go, with its
 * sequences at 1 again, and an old copy of a command would find no answer that stops it. The slot and index of the
 * command that opened a session occur once in a cluster. Two clusters use the same slots, for other sessions: the one that
 * a backup was taken of and the one restored from it, or the one made anew at an old one's addresses, whose clients may
 * outlive it. So a name also carries which cluster's history it is of, and nobody else's is answered (rule 28).
 */

/** The command's field, and what calls by name have in its place. */
const howToAcknowledge =
  "acknowledge answers first: the client says with each command, in acknowledged (in metadata synod-acknowledged), up to " +
  "which sequence it has all answers";

/** The bounds of the table. Replicated state: every replica of a cluster must use the same. */
export interface SessionLimits {
  readonly maxSessions: number;
  /** Sequences above the acknowledged mark. */
  readonly maxWindow: number;
  /** Stored answers of one session; counted before a command executes, so one answer may go beyond. */
  readonly maxSessionBytes: number;
  /** Stored answers of all sessions; must exceed `maxSessionBytes` and the largest answer together. */
  readonly maxTableBytes: number;
}

export const sessionLimits: SessionLimits = Object.freeze({
  maxSessions: 10_000,
  maxWindow: 1024,
  maxSessionBytes: 16 << 20,
  maxTableBytes: 256 << 20,
});

/** Counted for each stored answer besides its bytes, so that many empty ones are bounded too. */
const answerOverheadBytes = 128;

/**
 * The table's verdict on a decided command. A refused one changes nothing at all. A refusal that is lasting holds for every copy of
 * the command that is decided later as well; one that is not, for want of room in the session, does not bind a later copy.
 */
export type Verdict =
  | { readonly kind: "execute" }
  | { readonly kind: "repeat"; readonly answer: StoredAnswer }
  | {
      readonly kind: "refuse";
      readonly status: number;
      readonly message: string;
      readonly lasting: boolean;
    };

const execute: Verdict = Object.freeze({ kind: "execute" });

interface Session {
  readonly name: string;
  readonly opened: LogPosition;
  used: LogPosition;
  acknowledged: number;
  /** Size of the stored answer, by sequence. */
  readonly answers: Map<number, number>;
  bytes: number;
}

/** Digits of a cluster's id that the names of its sessions carry: enough to tell apart those that one client may meet. */
const eraDigits = 12;

/** The era of a cluster's own history, as the names of its sessions end. */
export function eraOf(clusterId: string): string {
  return clusterId.slice(0, eraDigits);
}

/** @param era of the slot; empty for a table that belongs to no cluster */
export function sessionName({ slot, index }: LogPosition, era = ""): string {
  return era === "" ? `${slot}.${index}` : `${slot}.${index}.${era}`;
}

/**
 * The bounded table of sessions in the replicated state. Sequences, marks, sizes and the order of use are kept in
 * memory as well, rebuilt from the map at start; answers live in the map only. After `settle`, called at the end of
 * every slot, memory and map say the same.
 */
export class SessionTable {
  readonly #map: OrderedMap;
  readonly #prefix: Uint8Array;
  readonly #era: string;
  readonly #keys: SessionKeys;
  readonly #limits: SessionLimits;
  /** In order of last use, the least recent first: a Map iterates in the order of insertion. */
  readonly #sessions = new Map<string, Session>();
  readonly #unsettled = new Set<Session>();
  /** The newest first. */
  readonly #eras: Era[] = [];
  #latest: Session | undefined;
  #bytes = 0;

  /**
   * @param prefix of all keys of the table in `map`; nobody else's key may begin with it
   * @param era of the cluster's own history, which names of sessions end with; empty for a table that belongs to none
   */
  constructor(map: OrderedMap, prefix: Uint8Array, limits: SessionLimits = sessionLimits, era = "") {
    this.#map = map;
    this.#prefix = prefix;
    this.#keys = new SessionKeys(prefix);
    this.#limits = limits;
    this.#era = era;
    this.#load();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes of all stored answers, as the limits count them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Opens the session that the command at this position asks for, and returns its name. */
  open(at: LogPosition): string {
    this.#beginEra();
    const name = this.#nameOf(at);
    invariant(!this.#sessions.has(name), () => `session ${name} was opened twice`);
    const session: Session = { name, opened: at, used: at, acknowledged: 0, answers: new Map(), bytes: 0 };
    this.#sessions.set(name, session);
    this.#unsettled.add(session);
    this.#latest = session;
    this.#evict();
    return name;
  }

  /** Judges a command. Reads only, so a replica may also ask before it proposes; only "repeat" is final then. */
  judge(command: Command): Verdict {
    const { sequence } = command;
    const session = this.#sessions.get(command.clientId);
    if (session === undefined) {
      const foreign = this.foreign(command.clientId);
      if (foreign !== undefined) return refuse(Status.failedPrecondition, foreign);
      return refuse(
        Status.aborted,
        `session "${command.clientId.slice(0, 64)}" is not open: never opened, or let go for more recently used ones; ` +
          "the outcome of earlier attempts is unknown; open another session for new commands",
      );
    }
    const mark = Math.max(session.acknowledged, command.acknowledged);
    if (sequence <= mark) {
      return refuse(
        Status.failedPrecondition,
        `sequence ${sequence} of session ${session.name}: expected one above the acknowledged mark ${mark}`,
      );
    }
    if (session.answers.has(sequence)) return this.#repeat(session, command);
    const { maxWindow, maxSessionBytes } = this.#limits;
    if (sequence > mark + maxWindow) {
      return noRoom(
        `sequence ${sequence} of session ${session.name}: expected at most ${mark + maxWindow}, which is ${maxWindow} ` +
          `above the acknowledged mark ${mark}; ${howToAcknowledge}`,
      );
    }
    if (session.bytes > maxSessionBytes && this.#bytesAbove(session, mark) > maxSessionBytes) {
      return noRoom(
        `session ${session.name} holds more than ${maxSessionBytes} bytes of answers; ${howToAcknowledge}`,
      );
    }
    return execute;
  }

  /**
   * The reason why a name is none that this cluster ever gave to a session: it is another cluster's. Undefined when it may be one. The
   * same on every replica, however far it has applied: it follows from the name and from which cluster this is.
   */
  foreign(name: string): string | undefined {
    const [slot, , era] = name.split(".", 3);
    if (slot === undefined || era === undefined) return undefined;
    const ours = this.#eraAt(Number(slot)) ?? this.#era;
    if (ours === "" || era === ours) return undefined;
    return `session ${name.slice(0, 64)} belongs to another cluster than this (${ours}): it was not executed here; connect anew`;
  }

  /** A command judged "repeat" was decided at this position: it counts as use, and its mark as said. */
  use(command: Command, at: LogPosition): void {
    const session = this.#sessions.get(command.clientId);
    invariant(session !== undefined, () => `session ${command.clientId} is used but not open`);
    session.used = at;
    this.#unsettled.add(session);
    if (this.#latest !== session) {
      this.#sessions.delete(session.name);
      this.#sessions.set(session.name, session);
      this.#latest = session;
    }
    this.#acknowledge(session, command.acknowledged);
  }

  /** A command judged "execute" was executed at this position, with this answer. */
  store(command: Command, answer: StoredAnswer, at: LogPosition): void {
    this.use(command, at);
    const session = this.#latest as Session;
    const record = encodeAnswer(command, answer);
    const bytes = record.length + answerOverheadBytes;
    this.#map.put(this.#keys.answer(session.opened, command.sequence), record);
    session.answers.set(command.sequence, bytes);
    session.bytes += bytes;
    this.#bytes += bytes;
    this.#evict();
  }

  /** Writes what changed since the last call. Call it at the end of every slot, before what the slot wrote may commit. */
  settle(): void {
    for (const { opened, used, acknowledged } of this.#unsettled) {
      this.#map.put(this.#keys.head(opened), encodeHead({ used, acknowledged }));
    }
    this.#unsettled.clear();
  }

  #repeat(session: Session, command: Command): Verdict {
    const stored = this.#map.get(this.#keys.answer(session.opened, command.sequence));
    invariant(
      stored !== undefined,
      () => `the answer to sequence ${command.sequence} of session ${session.name} is not in the map`,
    );
    if (answersCommand(stored, command)) return { kind: "repeat", answer: decodeAnswer(stored) };
    return refuse(
      Status.invalidArgument,
      `sequence ${command.sequence} of session ${session.name} was used for another request; ` +
        "expected the same service, method and bytes, or a new sequence",
    );
  }

  /** Lets go of answers up to the mark, which never falls. */
  #acknowledge(session: Session, mark: number): void {
    if (mark <= session.acknowledged) return;
    const last = Math.min(mark, session.acknowledged + this.#limits.maxWindow);
    for (let sequence = session.acknowledged + 1; sequence <= last; sequence++) this.#drop(session, sequence);
    session.acknowledged = mark;
  }

  #drop(session: Session, sequence: number): void {
    const bytes = session.answers.get(sequence);
    if (bytes === undefined) return;
    this.#map.delete(this.#keys.answer(session.opened, sequence));
    session.answers.delete(sequence);
    session.bytes -= bytes;
    this.#bytes -= bytes;
  }

  #bytesAbove(session: Session, mark: number): number {
    let sum = 0;
    for (const [sequence, bytes] of session.answers) if (sequence > mark) sum += bytes;
    return sum;
  }

  /** The least recently used goes, by position in the log: no clock, so every replica lets go of the same ones. */
  #evict(): void {
    while (this.#sessions.size > this.#limits.maxSessions || this.#bytes > this.#limits.maxTableBytes) {
      const [session] = this.#sessions.values();
      invariant(
        session !== undefined && session !== this.#latest,
        () => "the session used last was to be let go: maxTableBytes is below what one session may hold",
      );
      for (const sequence of [...session.answers.keys()]) this.#drop(session, sequence);
      this.#map.delete(this.#keys.head(session.opened));
      this.#sessions.delete(session.name);
      this.#unsettled.delete(session);
    }
  }

  #nameOf(opened: LogPosition): string {
    return sessionName(opened, this.#eraAt(opened.slot));
  }

  #eraAt(slot: number): string | undefined {
    return this.#eras.find(({ above }) => above < slot)?.name;
  }

  /** With the first session of a new cluster the history begins that names are of. A restored one has its own already. */
  #beginEra(): void {
    if (this.#era === "" || this.#eras.length > 0) return;
    const era: Era = { above: 0, name: this.#era };
    this.#map.put(...eraRow(this.#prefix, era));
    this.#eras.unshift(era);
  }

  #load(): void {
    const keys = this.#keys;
    for (const [key, value] of this.#map.range({ from: keys.bound(2), until: keys.bound(3) }))
      this.#eras.unshift({ above: keys.sessionOf(key).slot, name: decodeEraName(value) });
    const loaded: Session[] = [];
    for (const [key, value] of this.#map.range({ from: keys.bound(0), until: keys.bound(1) })) {
      const opened = keys.sessionOf(key);
      loaded.push({ name: this.#nameOf(opened), opened, ...decodeHead(value), answers: new Map(), bytes: 0 });
    }
    loaded.sort((a, b) => a.used.slot - b.used.slot || a.used.index - b.used.index);
    for (const session of loaded) this.#sessions.set(session.name, session);
    this.#latest = loaded.at(-1);
    for (const [key, value] of this.#map.range({ from: keys.bound(1), until: keys.bound(2) })) {
      const name = this.#nameOf(keys.sessionOf(key));
      const session = this.#sessions.get(name);
      invariant(session !== undefined, () => `an answer of session ${name} is stored, but not the session`);
      const bytes = value.length + answerOverheadBytes;
      session.answers.set(keys.sequenceOf(key), bytes);
      session.bytes += bytes;
      this.#bytes += bytes;
    }
  }
}

function refuse(status: number, message: string): Verdict {
  return { kind: "refuse", status, message, lasting: true };
}

function noRoom(message: string): Verdict {
  return { kind: "refuse", status: Status.resourceExhausted, message, lasting: false };
}

import { crc32 } from "node:zlib";
import { damagedStore } from "./error.js";
import { type MarkerFiles, openMarkerFiles, recordBytes } from "./marker-files.js";

/*
 * Two small files beside a replica's store, for slots that cannot be executed (rule 33).
 *
 * `executing` says which slot is being executed, so that a process that ends within one (a handler that takes all of the
 * heap) is known by its next start to have done so, and which is the last one that was: its clients may have been answered
 * although the store lost it. It is written before each slot and after it and never synced: an end of the process does not
 * lose it, and an end of the machine says nothing about the slot.
 *
 * `held` is a promise to a person: not to execute a slot until it is decided what becomes of it. It is on disk before it is
 * given, and begins with a checksum: of another slot or number it would be another promise. It binds until the store has kept
 * the slot, which a replica that loses what was not on disk comes to again; so there may be several.
 */

/** The place of a command in the log. */
export interface ExecutedCommand {
  readonly index: number;
  readonly service: string;
  readonly method: string;
}

/** A slot whose execution was begun and has not ended. */
export interface BegunSlot {
  readonly slot: number;
  /** The number of remedies that it is executed with (rule 33). */
  readonly remedies: number;
  /** The number of times that the same build began it with as many remedies, this time included. */
  readonly attempts: number;
  /** Names the build and how it was started: another one may fare better. */
  readonly build: string;
  /** The command that was being executed, where it is known. */
  readonly command?: ExecutedCommand | undefined;
  /** The cause of the process's end, where it is known. */
  readonly cause?: string | undefined;
}

interface Written {
  /** The last slot that was executed, on disk in the store or not. */
  readonly executed: number;
  readonly begun?: BegunSlot | undefined;
  /** Slots that ended a process before and were not executed since, in their order. */
  readonly suspects: readonly BegunSlot[];
}

/** So many are remembered: a replica gets to the second only after it executed the first, by luck, and lost that again. */
const maxSuspects = 5;

/** A slot that is not to be executed before it has so many remedies. */
export interface HeldSlot {
  readonly slot: number;
  readonly remedies: number;
}

/** The slot that a replica is executing, and those that it promised not to execute (rule 33). */
export class ExecutionMarker {
  readonly #files: MarkerFiles;
  readonly #build: string;
  readonly #record = Buffer.alloc(recordBytes, " ");
  /** Of this very build. */
  #suspects: readonly BegunSlot[] = [];
  #begun: BegunSlot | undefined;
  #executed = 0;
  #held: readonly HeldSlot[];

  /** Throws StoreError `damaged` where a promise cannot be read. */
  constructor(files: MarkerFiles, build: string) {
    this.#files = files;
    this.#build = build;
    const { executed = 0, begun, suspects = [] } = writtenIn(files.executing) ?? {};
    this.#executed = executed;
    this.#suspects = suspectsOf(suspects, begun).filter((suspect) => suspect.build === build);
    this.#held = heldIn(files);
  }

  /** The promises that may still bind, in the order in which they were given. */
  get held(): readonly HeldSlot[] {
    return this.#held;
  }

  heldAt(slot: number): HeldSlot | undefined {
    return this.#held.find((held) => held.slot === slot);
  }

  /** The last slot that was executed here, by this process or an earlier one, whether the store still has it or not. */
  get executed(): number {
    return this.#executed;
  }

  /** For whoever has to write what it was that ended the process; undefined in memory. */
  get descriptor(): number | undefined {
    return this.#files.descriptor;
  }

  /** The slot that ended the process before, as often as it may, unless it has more remedies now. */
  endedBy(slot: number, remedies: number, mayTry: number): BegunSlot | undefined {
    const earlier = this.#suspects.find((suspect) => suspect.slot === slot);
    if (earlier === undefined || earlier.remedies < remedies) return undefined;
    // It was executed with more remedies, so those are decided, and this replica has yet to learn of them.
    return earlier.remedies > remedies || earlier.attempts >= mayTry ? earlier : undefined;
  }

  /** Before a slot is executed. True when it ended the process before: then each command of it is worth a mark. */
  begin(slot: number, remedies: number): boolean {
    const earlier = this.#earlier(slot, remedies);
    this.#begun = { slot, remedies, attempts: (earlier?.attempts ?? 0) + 1, build: this.#build };
    this.#write();
    return earlier !== undefined;
  }

  /** Within a slot that was begun: what is known of it. */
  note(known: Pick<BegunSlot, "command" | "cause">): void {
    if (this.#begun === undefined) return;
    this.#begun = { ...this.#begun, ...known };
    this.#write();
  }

  /** The slot was executed. */
  end(): void {
    if (this.#begun === undefined) return;
    const { slot } = this.#begun;
    this.#executed = Math.max(this.#executed, slot);
    this.#begun = undefined;
    // Slots before this one are on their way to the disk again; those after it are still to be executed.
    if (this.#suspects.length > 0) this.#suspects = this.#suspects.filter((suspect) => suspect.slot > slot);
    this.#write();
  }

  #earlier(slot: number, remedies: number): BegunSlot | undefined {
    return this.#suspects.find((suspect) => suspect.slot === slot && suspect.remedies === remedies);
  }

  /**
   * Gives a promise, which takes the place of an earlier one of that slot: it is on disk when this returns. Those of slots that
   * the store has kept bind no more. Throws StoreError `failed`.
   */
  hold(held: HeldSlot, durableSlot: number): void {
    const others = this.#held.filter(({ slot }) => slot > durableSlot && slot !== held.slot);
    const all = [...others, held];
    this.#files.writeHeld(sealed(all));
    this.#held = all;
  }

  close(): void {
    this.#files.close();
  }

  #write(): void {
    const record: Written = { executed: this.#executed, begun: this.#begun, suspects: this.#suspects };
    const text = JSON.stringify(record);
    this.#record.fill(" ");
    // What is long are names: they go rather than the record, which must stay whole to be read.
    this.#record.write(Buffer.byteLength(text) <= recordBytes ? text : JSON.stringify(withoutNames(record)));
    this.#files.writeExecuting(this.#record);
  }
}

/** Of each slot the last attempt is known. */
function suspectsOf(before: readonly BegunSlot[], begun: BegunSlot | undefined): readonly BegunSlot[] {
  if (begun === undefined) return before;
  const others = before.filter(({ slot }) => slot !== begun.slot);
  return [...others, begun].sort((a, b) => a.slot - b.slot).slice(0, maxSuspects);
}

function withoutNames({ executed, begun, suspects }: Written): Written {
  const bare = ({ command: _, cause: __, ...slot }: BegunSlot): BegunSlot => slot;
  return { executed, begun: begun && bare(begun), suspects: suspects.map(bare) };
}

/** Undefined when there is none that can be read: an end of the machine may leave anything. */
function writtenIn(text: string | undefined): Written | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Written);
  } catch {
    return undefined;
  }
}

/** One alone stands as earlier releases wrote it, which would read a list as no promise at all. */
function sealed(held: readonly HeldSlot[]): string {
  const text = JSON.stringify(held.length === 1 ? held[0] : held);
  return `${checksumOf(text)} ${text}`;
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

/**
 * A promise was on disk before it was given, so that one which cannot be read was given all the same. One may
 * stand alone, several in a list.
 */
function heldIn({ directory, held }: MarkerFiles): readonly HeldSlot[] {
  if (held === undefined) return [];
  const [, checksum, content = ""] = /^([0-9a-f]{8}) (.*)$/s.exec(held) ?? [];
  if (checksum === checksumOf(content)) return [JSON.parse(content) as HeldSlot | HeldSlot[]].flat();
  throw damagedStore({ directory, kind: "replica" }, "the file held, a promise about a slot, is damaged");
}

/** Opens the marker in a directory. Throws StoreError `damaged` where a promise cannot be read, or `failed`. */
export function openExecutionMarker(directory: string, build: string): ExecutionMarker {
  const files = openMarkerFiles(directory);
  try {
    return new ExecutionMarker(files, build);
  } catch (error) {
    files.close();
    throw error;
  }
}

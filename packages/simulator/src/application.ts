import type { Command, RulingConfiguration, Value } from "@synod/core";
import { majorityOf } from "@synod/core";

/** What a replica says of its disk, as a command (rule 18). */
export interface DiskReport {
  readonly replica: string;
  readonly store: string;
  /** Everything up to here is on that store. */
  readonly slot: number;
  /** One more than in the replica's report before: a late one of an earlier life says nothing. */
  readonly number: number;
}

/** The state of a replica after a slot: what a flush makes durable, and what a snapshot brings. Never changed. */
export interface StateImage {
  readonly slot: number;
  /** The first `executed` of these names have been executed, in this order. */
  readonly names: readonly string[];
  readonly executed: number;
  /** The last slot that executed something: one above it need not be reported. */
  readonly lastExecuted: number;
  readonly reports: ReadonlyMap<string, DiskReport>;
  readonly trimPoint: number;
  readonly configurations: readonly RulingConfiguration[];
}

export const emptyImage: StateImage = {
  slot: 0,
  names: [],
  executed: 0,
  lastExecuted: 0,
  reports: new Map(),
  trimPoint: 0,
  configurations: [],
};

const separator = "\n";
const reportWord = "report";

/** A command of the simulation: a name that nothing else has. */
export function simulatedCommand(number: number): Command {
  return command(`c${String(number).padStart(7, "0")}`);
}

export function reportCommand({ replica, store, slot, number }: DiskReport): Command {
  return command([reportWord, replica, store, slot, number].join(" "));
}

function command(text: string): Command {
  return {
    clientId: text,
    sequence: 1,
    acknowledged: 0,
    service: "list",
    method: "append",
    request: Uint8Array.from([...text].map((letter) => letter.charCodeAt(0))),
  };
}

export function commandName({ request }: Command): string {
  return textOf(request);
}

/** A batch is its commands' texts, one after another. */
export function encodeBatch(commands: readonly Command[]): Uint8Array {
  const bytes = commands.flatMap(({ request }, index) =>
    index === 0 ? [...request] : [separator.charCodeAt(0), ...request],
  );
  return Uint8Array.from(bytes);
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function textsIn(value: Value): string[] {
  return value.kind === "batch" ? textOf(value.commands).split(separator) : [];
}

function reportOf(text: string): DiskReport | undefined {
  const [word, replica = "", store = "", slot, number] = text.split(" ");
  return word === reportWord ? { replica, store, slot: Number(slot), number: Number(number) } : undefined;
}

/** The reports that a slot decided. */
export function reportsIn(value: Value): DiskReport[] {
  return textsIn(value).flatMap((text) => reportOf(text) ?? []);
}

/**
 * A replicated list to which every command appends its own name: a loss, a double and a wrong order all show. It keeps
 * the names it has, so that a command decided twice executes once; and what the replicas report of their disks.
 */
export class ReplicatedList {
  readonly #replicas: readonly string[];
  readonly #names: string[];
  readonly #known: Set<string>;
  #slot: number;
  #lastExecuted: number;
  #reports: ReadonlyMap<string, DiskReport>;
  #trimPoint: number;

  /** @param replicas the ids of all */
  constructor(replicas: readonly string[], image = emptyImage) {
    this.#replicas = replicas;
    this.#names = image.names.slice(0, image.executed);
    this.#known = new Set(this.#names);
    this.#slot = image.slot;
    this.#lastExecuted = image.lastExecuted;
    this.#reports = image.reports;
    this.#trimPoint = image.trimPoint;
  }

  /** The last slot applied. */
  get slot(): number {
    return this.#slot;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get reports(): ReadonlyMap<string, DiskReport> {
    return this.#reports;
  }

  /** A majority of the replicas has everything up to this slot on disk (rule 18). */
  get trimPoint(): number {
    return this.#trimPoint;
  }

  image(configurations: readonly RulingConfiguration[]): StateImage {
    return {
      slot: this.#slot,
      names: this.#names,
      executed: this.#names.length,
      lastExecuted: this.#lastExecuted,
      reports: this.#reports,
      trimPoint: this.#trimPoint,
      configurations,
    };
  }

  /** @returns the names executed now, in order; a repeat executes nothing */
  apply(value: Value): string[] {
    this.#slot++;
    const executed: string[] = [];
    for (const text of textsIn(value)) {
      const report = reportOf(text);
      if (report) this.#take(report);
      else if (!this.#known.has(text)) {
        this.#known.add(text);
        executed.push(text);
      }
    }
    this.#names.push(...executed);
    if (executed.length > 0) this.#lastExecuted = this.#slot;
    return executed;
  }

  #take(report: DiskReport): void {
    if (report.number !== (this.#reports.get(report.replica)?.number ?? 0) + 1) return;
    this.#reports = new Map([...this.#reports, [report.replica, report]]);
    const slots = this.#replicas.map((id) => this.#reports.get(id)?.slot ?? 0).sort((a, b) => b - a);
    this.#trimPoint = Math.max(this.#trimPoint, slots[majorityOf(slots.length) - 1] ?? 0);
  }
}

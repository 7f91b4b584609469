import type { Command } from "@synod/core";
import { type Answer, type Offer, Status, systemCommandOf } from "@synod/state-machine";
import { stockName } from "./definition.js";
import { stockDescriptions } from "./service.js";

interface Row {
  readonly count: number;
  readonly unit: string;
  /** The version that wrote it. */
  readonly by: number;
}

/** What the model has of an item. */
interface Known {
  readonly row: Row | undefined;
  readonly movements: number;
}

interface Order {
  readonly atMs: number;
  readonly item: string;
  readonly change: number;
}

/** The count of an item, as the service answers it. */
export interface Counted {
  readonly count: number;
  readonly unit: string;
  readonly movements: number;
}

/** The outcome of a call. */
interface Result {
  readonly status: number;
  readonly answer?: Readonly<Record<string, unknown>>;
  /** Encoded, of a declared error that has one. */
  readonly detail?: Uint8Array;
}

type Request = Readonly<Record<string, unknown>>;

/** The service in the plainest words, version by version, written without a look at tables, transactions and due commands. */
export class StockModel {
  readonly #items = new Map<string, Row>();
  readonly #movements = new Map<string, number>();
  /** By id, in the order in which they were given. */
  readonly #orders = new Map<string, Order>();
  readonly #references = new Set<string>();
  #version: number | undefined;
  #next: number | undefined;

  /** The version in force; undefined before the first command. */
  get version(): number | undefined {
    return this.#version;
  }

  /** Rule 26: a batch brings the version that its proposer runs, unless a replica is known not to. */
  begin(commands: readonly Command[], offers: readonly (readonly Offer[])[]): void {
    for (const command of commands) {
      const said = systemCommandOf(command);
      if (said?.kind !== "install" || said.service !== stockName || this.#version !== undefined) continue;
      if (offers.every((all) => offered(all, said.version))) this.#version = said.version;
    }
  }

  /** A switch was decided: what is wrong with the answer. A refusal may have other reasons than offers. */
  switched(version: number, status: number, offers: readonly (readonly Offer[])[]): string | undefined {
    if (status !== Status.ok) return undefined;
    this.#next = version;
    return offers.every((all) => offered(all, version))
      ? undefined
      : `version ${version} was switched to, and a replica does not offer it`;
  }

  /** The difference between what a command was answered and what it should have been. */
  differenceIn({ method, request }: Command, answer: Answer, timeMs: number): string | undefined {
    const described = stockDescriptions.services.get(stockName)?.methods.get(method);
    if (!described) return `there is no method ${method}`;
    const expected = this.#call(method, described.decodeRequest(request) as Request, timeMs);
    if (expected.status !== answer.status)
      return `expected status ${expected.status}, found ${answer.status} (${answer.message})`;
    if (expected.detail && !Buffer.from(answer.details ?? []).includes(Buffer.from(expected.detail)))
      return "expected a declared error with its details, found others";
    if (answer.status !== Status.ok) return undefined;
    const found = described.decodeResponse(answer.response) as Record<string, unknown>;
    if (method === "Order") {
      const { reference } = found;
      if (typeof reference !== "string" || !/^[0-9a-f-]{36} [0-5]( [0-9a-f]{12})?$/.test(reference))
        return `expected a reference, found ${reference}`;
      if (this.#references.has(reference)) return `reference ${reference} is given a second time`;
      this.#references.add(reference);
    }
    for (const [field, value] of Object.entries(expected.answer ?? {}))
      if (String(found[field]) !== String(value))
        return `expected ${field} ${value}, found ${String(found[field])}`;
    return undefined;
  }

  /**
   * A slot ends: what is due runs, and the version that was switched to is in force.
   * @param counted what the service says it has of an item; undefined unless a quota may have kept what was due from running
   */
  end(timeMs: number, counted: ((item: string) => Counted) | undefined): void {
    const due = [...this.#orders].filter(([, { atMs }]) => atMs <= timeMs);
    due.sort(([, a], [, b]) => a.atMs - b.atMs);
    const before = new Map(due.map(([, { item }]) => [item, this.#known(item)]));
    for (const [id, { item, change }] of due) {
      this.#orders.delete(id);
      this.#call("Move", { item, change }, timeMs);
    }
    if (counted !== undefined) for (const [item, known] of before) this.#believe(item, known, counted(item));
    this.#version = this.#next ?? this.#version;
    this.#next = undefined;
  }

  #known(item: string): Known {
    return { row: this.#items.get(item), movements: this.#moved(item) };
  }

  /** A quota kept some of what was due from running: what is left is what was known before, or what the present version wrote. */
  #believe(item: string, before: Known, { count, unit, movements }: Counted): void {
    if (movements >= this.#moved(item)) return;
    this.#movements.set(item, movements);
    const row = movements === before.movements ? before.row : { count, unit, by: this.#version as number };
    if (row === undefined) this.#items.delete(item);
    else this.#items.set(item, row);
  }

  #call(method: string, request: Request, timeMs: number): Result {
    const version = this.#version;
    if (version === undefined) return { status: Status.failedPrecondition };
    const item = String(request.item);
    switch (method) {
      case "Move":
        return this.#move(item, Number(request.change), version);
      case "Order":
        return this.#order(request, timeMs);
      case "Clear":
        return this.#clear(item, version);
      default:
        return { status: Status.ok, answer: { ...this.#row(item, version), movements: this.#moved(item) } };
    }
  }

  #move(item: string, change: number, version: number): Result {
    if (version < 3 && Math.abs(change) > 500) return { status: Status.invalidArgument };
    // The handler fails after it has written: nothing stays.
    if (item.startsWith("{")) return { status: Status.internal };
    const known = this.#items.has(item);
    const { count, unit } = this.#row(item, version);
    if (count + change < 0 && version < 3) {
      const detail = stockDescriptions.message("stock.v1.TooFew").encode({ missing: -(count + change) });
      return { status: Status.failedPrecondition, detail };
    }
    const row = {
      count: Math.max(0, count + change),
      unit: known || version < 2 ? unit : "piece",
      by: version,
    };
    this.#items.set(item, row);
    this.#movements.set(item, this.#moved(item) + 1);
    return { status: Status.ok, answer: { count: row.count, unit: row.unit } };
  }

  #order({ id, move, afterMs }: Request, timeMs: number): Result {
    const atMs = timeMs + Number(afterMs);
    this.#orders.delete(String(id));
    if (move !== null) {
      const { item, change } = move as Request;
      this.#orders.set(String(id), { atMs, item: String(item), change: Number(change) });
    }
    return { status: Status.ok, answer: { atMs } };
  }

  #clear(item: string, version: number): Result {
    const movements = this.#moved(item);
    if (version < 2) return { status: Status.aborted };
    if (movements === 0) return { status: Status.notFound };
    this.#items.delete(item);
    this.#movements.delete(item);
    return { status: Status.ok, answer: { movements } };
  }

  #moved(item: string): number {
    return this.#movements.get(item) ?? 0;
  }

  #row(item: string, version: number): { readonly count: number; readonly unit: string } {
    const row = this.#items.get(item);
    if (row === undefined) return { count: 0, unit: "" };
    const { count, unit, by } = row;
    return { count, unit: by < 2 && by < version ? "piece" : unit };
  }
}

function offered(all: readonly Offer[], version: number): boolean {
  return all.some(
    ({ service, oldest, newest }) => service === stockName && oldest <= version && version <= newest,
  );
}

import type { Command } from "@synod/core";
import { builtInModels, jsonMessage, type Operation, type Outcome, outcomeText } from "@synod/history";
import {
  type Answer,
  defaultQuotaBytes,
  type Engine,
  type Offer,
  type Report,
  Status,
  systemCommandOf,
} from "@synod/state-machine";
import { methodOf, serviceNames } from "./services.js";
import { stockName } from "./stock/definition.js";
import { type Counted, StockModel } from "./stock/model.js";
import { stockDescriptions } from "./stock/service.js";
import { Violation } from "./violation.js";

/** Locks follow log time, which the models leave open; they have tests of their own. */
const judged: ReadonlySet<string> = new Set([serviceNames.kv, serviceNames.calculator]);

/** The models by which histories are judged, given one command after another: the answers that services should give. */
export class ServiceModels {
  readonly #states = new Map<string, unknown>();

  readonly #stock = new StockModel();
  /** The last report of each replica. */
  #reported = new Map<string, Pick<Report, "number" | "offers">>();
  #quotaBytes = defaultQuotaBytes;
  #storedBytes = 0;
  /** The quota before the slot. */
  #mostBytes = defaultQuotaBytes;

  /** The version of the user's service; undefined before its first command. */
  get stockVersion(): number | undefined {
    return this.#stock.version;
  }

  /** @param reported the last report of each replica before the slot */
  begin(commands: readonly Command[], reported: ReadonlyMap<string, Report>): void {
    this.#reported = new Map(reported);
    this.#stock.begin(commands, this.#offers);
  }

  get #offers(): readonly (readonly Offer[])[] {
    return [...this.#reported.values()].map(({ offers }) => offers);
  }

  /** A system command was decided. */
  decided(what: string, command: Command, { status }: Answer): void {
    const said = systemCommandOf(command);
    if (said?.kind === "report") this.#report(said.report);
    if (said?.kind === "quota" && status === Status.ok) this.#quotaBytes = said.bytes;
    if (said?.kind !== "switch" || said.service !== stockName) return;
    const problem = this.#stock.switched(said.version, status, this.#offers);
    if (problem !== undefined) throw new Violation(`the answer to ${what}: ${problem}`);
  }

  /** Counted here one by one: what a batch says after a switch is no reason for it. One that does not follow the last says nothing. */
  #report({ replica, number, offers }: Report): void {
    if (number === (this.#reported.get(replica)?.number ?? 0) + 1)
      this.#reported.set(replica, { number, offers });
  }

  /** A batch was executed: what services store did not grow beyond the quota. */
  end(engine: Engine): void {
    const { logTimeMs, stateBytes } = engine;
    this.#stock.end(logTimeMs, this.#limited ? (item) => countOf(engine, item) : undefined);
    if (stateBytes > Math.max(this.#quotaBytes, this.#mostBytes, this.#storedBytes))
      throw new Violation(`services store ${stateBytes} bytes; the quota is ${this.#quotaBytes}`);
    this.#storedBytes = stateBytes;
    this.#mostBytes = this.#quotaBytes;
  }

  get #limited(): boolean {
    return Math.min(this.#quotaBytes, this.#mostBytes) < defaultQuotaBytes;
  }

  /** Executes a command. Returns the answer expected and the one found where they differ, else undefined. */
  differenceIn(command: Command, answer: Answer, timeMs: number): string | undefined {
    if (answer.status === Status.resourceExhausted && this.#limited) return undefined;
    if (command.service === stockName) return this.#stock.differenceIn(command, answer, timeMs);
    const { service, method, request } = command;
    const model = judged.has(service) ? builtInModels[service] : undefined;
    if (model === undefined) return undefined;
    const { decodeRequest, decodeResponse } = methodOf(service, method);
    const outcome: Outcome =
      answer.status === Status.ok
        ? { answer: jsonMessage(decodeResponse(answer.response)) }
        : { error: statusName(answer.status) };
    const operation: Operation = {
      ...{ client: "", service, method, request: jsonMessage(decodeRequest(request)), invoked: 0 },
      result: { returned: 0, outcome },
    };
    const state = this.#states.has(service) ? this.#states.get(service) : model.initial;
    const step = model.step(state, operation);
    this.#states.set(service, step.state);
    const [expected, found] = [outcomeText(step.outcome), outcomeText(outcome)];
    return expected === found ? undefined : `expected ${expected}, found ${found}`;
  }
}

/** The name of a status code as gRPC writes it. */
function statusName(code: number): string {
  const [name] = Object.entries(Status).find(([, its]) => its === code) ?? [String(code)];
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** The count of an item, as the user's service answers it. */
function countOf(engine: Engine, item: string): Counted {
  const count = stockDescriptions.services.get(stockName)?.methods.get("Count");
  if (!count) throw new Error(`expected method Count of ${stockName}, found none`);
  const { response } = engine.query(stockName, "Count", count.encodeRequest({ item }));
  const found = count.decodeResponse(response) as Record<keyof Counted, string>;
  return { count: Number(found.count), unit: found.unit, movements: Number(found.movements) };
}

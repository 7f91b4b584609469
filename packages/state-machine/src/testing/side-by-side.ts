import type { DescribedMethod, Descriptions } from "../definition/codec.js";
import { KeyCodec, type KeyPart } from "../definition/key.js";
import type { ReplicatedService } from "../definition/replicated-service.js";
import { messageOfStored } from "../definition/typed-transaction.js";
import { CallFailed, type RunOptions, ServiceRun } from "./run.js";
import { type DeterminismStep, stepText } from "./step.js";

/** A build of a service, as a comparison names it. */
export interface Build {
  readonly name: "from" | "to";
  readonly service: ReplicatedService;
  readonly described: Descriptions;
}

type Builds = readonly [Build, Build];

/** What came of one step. */
interface Outcome {
  readonly status: number;
  readonly message: string;
  readonly response: Uint8Array;
}

const noBytes = new Uint8Array(0);
/** Of a value in an error. */
const longestShown = 400;

/** The same commands executed twice, each time by a build of its own, and compared after each step. */
export class SideBySide {
  readonly #builds: Builds;
  readonly #runs: readonly [ServiceRun, ServiceRun];
  #running: Builds;

  constructor(builds: Builds, options: RunOptions) {
    this.#builds = builds;
    this.#running = builds;
    const [from, to] = builds;
    this.#runs = [new ServiceRun(from.service, options), new ServiceRun(to.service, options)];
  }

  switchVersion(version: number): void {
    for (const run of this.#runs) run.switchVersion(version);
  }

  /** Goes on with other builds, on the same rows. */
  restart(builds: Builds): void {
    for (const [index, run] of this.#runs.entries()) {
      const [before, after] = [this.#running, builds].map((each) => (each[index] as Build).service);
      run.restart(after as ReplicatedService);
      // A build that offers the same says nothing, but both sides have to be at the same place of their logs.
      if (before?.version === after?.version && before?.oldestVersion === after?.oldestVersion) run.report();
    }
    this.#running = builds;
  }

  /**
   * Throws an Error that names the first step after which the two differ, or whose handler throws what is not declared.
   * @param when the versions in force, in words
   */
  execute(steps: readonly DeterminismStep[], when: string): void {
    for (const [index, step] of steps.entries()) {
      const place = `step ${index + 1} (${stepText(step)}), ${when}`;
      const difference = this.#execute(step, place);
      if (difference !== undefined) throw new Error(`${place}: the two builds differ in ${difference}`);
    }
  }

  #execute(step: DeterminismStep, place: string): string | undefined {
    if ("idleMs" in step) for (const run of this.#runs) run.idle(step.idleMs);
    else {
      const request = this.#encoded(step.method, step.request);
      const [a, b] = this.#runs.map((run, index) =>
        outcomeOf(run, step.method, request, `${place}, executed by ${this.#running[index]?.name}`),
      ) as [Outcome, Outcome];
      if (a.status !== b.status || a.message !== b.message)
        return `how it ends\n${this.#shown([`status ${a.status} ${a.message}`, `status ${b.status} ${b.message}`])}${answerCause}`;
      if (Buffer.compare(a.response, b.response) !== 0)
        return `what they answer\n${this.#shown([
          this.#response(0, step.method, a.response),
          this.#response(1, step.method, b.response),
        ])}${answerCause}`;
    }
    return this.#differentRow() ?? this.#differentSchedule();
  }

  /** By the protos of whichever build has the method and all fields of the request; the newer one first. */
  #encoded(method: string, request: object): Uint8Array {
    let refusal: unknown;
    for (const { service, described } of [...this.#builds].reverse()) {
      const found = described.services.get(service.name)?.methods.get(method);
      if (found === undefined) continue;
      try {
        return found.encodeRequest(request);
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal ?? new TypeError(`neither build has a method ${method}`);
  }

  #differentRow(): string | undefined {
    const [a, b] = this.#runs.map(
      (run) => new Map([...run.rows()].map(([key, value]) => [latin1(key), value])),
    );
    for (const key of [...new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])].sort()) {
      const values = [a?.get(key), b?.get(key)] as const;
      if (values[0] !== undefined && values[1] !== undefined && Buffer.compare(values[0], values[1]) === 0)
        continue;
      const [table = ""] = key.split("\0", 1);
      const shown = this.#shown([this.#row(0, table, values[0]), this.#row(1, table, values[1])]);
      return `the row ${this.#rowName(table, Buffer.from(key, "latin1"))}\n${shown}${rowCause}`;
    }
    return undefined;
  }

  #differentSchedule(): string | undefined {
    const [a = [], b = []] = this.#runs.map((run) => [...run.scheduled()].map((each) => Buffer.from(each)));
    const different = [...a.keys(), ...b.keys()].find((index) => {
      const [one, other] = [a[index], b[index]];
      return one === undefined || other === undefined || !one.equals(other);
    });
    if (different === undefined) return undefined;
    const shown = this.#shown([hexOf(a[different]), hexOf(b[different])]);
    return `what they schedule\n${shown}${answerCause}`;
  }

  #shown(forms: readonly [string, string]): string {
    return this.#running.map(({ name }, index) => `  ${name.padEnd(4)} ${forms[index]}\n`).join("");
  }

  #response(index: 0 | 1, method: string, bytes: Uint8Array): string {
    const { service, described } = this.#running[index];
    const found = described.services.get(service.name)?.methods.get(method) as DescribedMethod | undefined;
    return `${hexOf(bytes)} ${jsonOf(() => found?.decodeResponse(bytes))}`;
  }

  #row(index: 0 | 1, table: string, stored: Uint8Array | undefined): string {
    if (stored === undefined) return "no such row";
    const { service, described } = this.#running[index];
    const message = service.tables.find(({ name }) => name === table)?.message;
    const value = () => message && described.message(message).decode(messageOfStored(stored));
    return `${hexOf(stored)} ${jsonOf(value)}`;
  }

  #rowName(table: string, key: Uint8Array): string {
    for (const { service } of this.#running) {
      const found = service.tables.find(({ name }) => name === table);
      if (found !== undefined)
        return `${table} ${new KeyCodec(table, found.keyKinds).decode(key).map(shownPart).join(", ")}`;
    }
    return `${table} ${hexOf(key)}`;
  }
}

const rowCause =
  "Expected the same bytes: while a version is in force, every build that offers it writes the same. Is a new field " +
  "written, or a value written otherwise, without a look at context.version?";
const answerCause =
  "Expected the same: while a version is in force, every build that offers it does the same. Does a handler look at a new " +
  "field of its request, or do something else, without a look at context.version? Has a new method no since?";

function outcomeOf(run: ServiceRun, method: string, request: Uint8Array, place: string): Outcome {
  try {
    return { status: 0, message: "", response: run.callEncoded(method, request) };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    if (error.cause !== undefined) throw new Error(`${place}: ${error.message}`, { cause: error.cause });
    return { status: error.code, message: error.reason, response: error.details ?? noBytes };
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function hexOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "nothing" : cut(Buffer.from(bytes).toString("hex"));
}

function jsonOf(read: () => unknown): string {
  try {
    return cut(JSON.stringify(read()) ?? "");
  } catch (error) {
    return `(${(error as Error).message})`;
  }
}

function shownPart(part: KeyPart): string {
  return typeof part === "string"
    ? JSON.stringify(part)
    : typeof part === "bigint"
      ? String(part)
      : hexOf(part);
}

function cut(text: string): string {
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;
}

import { Minimiser, type Violation } from "./minimise.js";
import type { Model } from "./model.js";
import { builtInModels } from "./models/index.js";
import type { Operation } from "./operation.js";
import { type Partition, partitionsOf } from "./partition.js";
import { Search } from "./search.js";

export interface CheckOptions {
  /** By full name of the service; those that come with Synod unless given. */
  readonly models?: Readonly<Record<string, Model<unknown>>>;
  /** Most configurations that the search keeps for one partition, about 300 bytes each. */
  readonly configurations?: number;
  /** For everything but making violations small. */
  readonly seconds?: number;
  /** After so many violations the rest is not looked at. */
  readonly violations?: number;
}

export const checkDefaults = Object.freeze({ configurations: 1_000_000, seconds: 300, violations: 3 });
const minimiseMs = 10_000;

export interface Verdict {
  /** "violation" if any partition has one, else "undecided" if any could not be decided. */
  readonly verdict: "linearizable" | "violation" | "undecided";
  readonly operations: number;
  /** Those without an answer. */
  readonly unknown: number;
  readonly partitions: number;
  readonly largestPartition: number;
  readonly configurations: number;
  readonly violations: readonly Violation[];
  readonly undecided: readonly Undecided[];
}

export interface Undecided {
  readonly service: string;
  readonly keys: readonly string[];
  readonly operations: number;
  readonly why: string;
}

/** Whether there is an order of all operations in which every answer is right and nobody stands before who began later. */
export function check(operations: readonly Operation[], options: CheckOptions = {}): Verdict {
  const models = options.models ?? builtInModels;
  const most = options.violations ?? checkDefaults.violations;
  const configurations = options.configurations ?? checkDefaults.configurations;
  const untilMs = performance.now() + 1000 * (options.seconds ?? checkDefaults.seconds);
  const parts = [...byService(operations)].flatMap(([service, its]) => {
    const model = models[service];
    if (model === undefined)
      throw new TypeError(`expected one of ${Object.keys(models).join(", ")}, found the service ${service}`);
    return partitionsOf(model, its).map((partition) => ({ service, model, partition }));
  });
  const violations: Violation[] = [];
  const undecided: Undecided[] = [];
  let kept = 0;
  for (const { service, model, partition } of parts) {
    if (violations.length >= most) break;
    const search = new Search(model, partition.operations, { configurations, untilMs });
    const found = search.run();
    kept += search.configurations;
    const { keys } = partition;
    if (found.verdict === "violation") violations.push(smallest(service, model, partition, found));
    if (found.verdict === "undecided")
      undecided.push({ service, keys, operations: partition.operations.length, why: found.why });
  }
  const verdict = violations.length > 0 ? "violation" : undecided.length > 0 ? "undecided" : "linearizable";
  return {
    verdict,
    operations: operations.length,
    unknown: operations.filter(({ result }) => result === undefined).length,
    partitions: parts.length,
    largestPartition: parts.reduce((most, { partition }) => Math.max(most, partition.operations.length), 0),
    configurations: kept,
    violations,
    undecided,
  };
}

function byService(operations: readonly Operation[]): Map<string, Operation[]> {
  const services = new Map<string, Operation[]>();
  for (const operation of operations) {
    const its = services.get(operation.service) ?? [];
    services.set(operation.service, its);
    its.push(operation);
  }
  return services;
}

function smallest(
  service: string,
  model: Model<unknown>,
  { keys, operations }: Partition,
  { stuck }: { readonly stuck: Operation },
): Violation {
  const untilMs = performance.now() + minimiseMs;
  const left = new Minimiser(model, untilMs).minimise(operations, stuck);
  const found = new Search(model, left, {
    configurations: checkDefaults.configurations,
    untilMs: untilMs + minimiseMs,
  }).run();
  const why = found.verdict === "violation" ? found : { stuck, possible: [] };
  const inOrder = left.toSorted((a, b) => a.invoked - b.invoked);
  return { service, keys, operations: inOrder, stuck: why.stuck, possible: why.possible };
}

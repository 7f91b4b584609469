import type { DecidedCommand, DecidedSlot } from "../log/decided.js";
import { type CalculatorAnswer, calculatorService, commandKey, runSequentially } from "./calculation.js";

/** The first answer a client got to one of its commands. */
export interface ClientResult {
  readonly client: number;
  readonly clientId: string;
  readonly sequence: number;
  readonly method: string;
  readonly operand: string;
  readonly answer: CalculatorAnswer;
}

/** One replica's account of itself: nobody else was asked. */
export interface ReplicaFinal {
  readonly id: string;
  /** The last slot it applied. */
  readonly appliedSlot: number;
  /** Chained hash of what it wrote and answered. */
  readonly hash: string;
  /** The calculator's number in this replica's own state. */
  readonly value: string;
  /** The decided log as this replica keeps it. */
  readonly log: readonly DecidedSlot[];
}

export interface Comparison {
  readonly differences: readonly string[];
  readonly value: string;
  readonly executed: number;
  readonly repeats: number;
}

/**
 * Compares what clients were told and what replicas hold with a sequential run of the decided log. Empty differences
 * mean: every command was executed once, every answer is the one of that run, and all replicas end alike.
 */
export function compareDemo(results: readonly ClientResult[], replicas: readonly ReplicaFinal[]): Comparison {
  const [first] = replicas;
  if (first === undefined) throw new Error("expected the state of at least one replica, found none");
  const run = runSequentially(first.log);
  return {
    differences: [
      ...resultDifferences(results, run.answers),
      ...replicas.flatMap(valueDifferences),
      ...replicas.slice(1).flatMap((replica) => replicaDifferences(first, replica)),
    ],
    value: run.value,
    executed: run.answers.size,
    repeats: run.repeats,
  };
}

function resultDifferences(
  results: readonly ClientResult[],
  expected: ReadonlyMap<string, CalculatorAnswer>,
): string[] {
  const differences: string[] = [];
  const seen = new Set<string>();
  for (const result of results) {
    const key = commandKey(result);
    seen.add(key);
    const what = `client ${result.client}, ${result.method} ${result.operand} (${key})`;
    const answer = expected.get(key);
    if (answer === undefined) differences.push(`${what}: answered, but not in the decided log`);
    else if (!sameAnswer(answer, result.answer)) {
      differences.push(
        `${what}: the client got ${text(result.answer)}, a sequential run gives ${text(answer)}`,
      );
    }
  }
  for (const key of expected.keys()) {
    if (!seen.has(key)) differences.push(`${key} is in the decided log, but no client got an answer to it`);
  }
  return differences;
}

/** A replica's state is what its own log gives. */
function valueDifferences({ id, value, log }: ReplicaFinal): string[] {
  const expected = runSequentially(log).value;
  return value === expected
    ? []
    : [`value: ${id} has ${value}, a sequential run of its log gives ${expected}`];
}

function replicaDifferences(first: ReplicaFinal, other: ReplicaFinal): string[] {
  const differences: string[] = [];
  const differ = (what: string, a: string | number, b: string | number) => {
    if (a !== b) differences.push(`${what}: ${first.id} has ${a}, ${other.id} has ${b}`);
  };
  differ("applied slot", first.appliedSlot, other.appliedSlot);
  differ("hash", first.hash, other.hash);
  differ("value", first.value, other.value);
  const slots = Math.max(first.log.length, other.log.length);
  for (let index = 0; index < slots; index++) {
    const [a, b] = [fingerprint(first.log[index]), fingerprint(other.log[index])];
    if (a === b) continue;
    differences.push(`decided log: ${first.id} has ${a}, ${other.id} has ${b}`);
    break;
  }
  return differences;
}

function fingerprint(decided: DecidedSlot | undefined): string {
  if (decided === undefined) return "no further slot";
  const { slot, proposal, content } = decided;
  if (content.kind !== "batch") return `slot ${slot}: ${content.kind}`;
  const commands = content.commands.map(
    (command) => `${commandKey(command)} ${command.method} ${Buffer.from(command.request).toString("hex")}`,
  );
  return `slot ${slot}: ${proposal}: ${commands.join(", ")}`;
}

function sameAnswer(a: CalculatorAnswer, b: CalculatorAnswer): boolean {
  return text(a) === text(b);
}

export function text(answer: CalculatorAnswer): string {
  return "value" in answer ? answer.value : answer.error;
}

/**
 * The same, with the first calculation in the log of one replica altered: what `--plant-difference` compares. That one
 * starts from 0 with a small operand, so no result of it comes near the altered one.
 */
export function withPlantedDifference(replicas: readonly ReplicaFinal[]): ReplicaFinal[] {
  const [first, ...others] = replicas;
  if (first === undefined) return [];
  let planted = false;
  const alter = (command: DecidedCommand): DecidedCommand => {
    if (planted || command.service !== calculatorService) return command;
    planted = true;
    return { ...command, method: "Add", requestJson: { operand: "1000000" } };
  };
  const log = first.log.map((decided): DecidedSlot => {
    const { content } = decided;
    if (content.kind !== "batch") return decided;
    return { ...decided, content: { ...content, commands: content.commands.map(alter) } };
  });
  return [{ ...first, log }, ...others];
}

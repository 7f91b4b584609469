import { type Random, randomBelow } from "@synod/core";
import type { CalculatorMethod } from "./calculation.js";

export interface DemoCommand {
  readonly method: CalculatorMethod;
  readonly operand: bigint;
}

/** A random command: small operands, so that most results fit into an int64 and every command leaves a trace. */
export function randomCommand(random: Random): DemoCommand {
  const method = (["Add", "Subtract", "Multiply"] as const)[randomBelow(random, 3)] ?? "Add";
  const [smallest, largest] = method === "Multiply" ? [2, 3] : [1, 99];
  const size = smallest + randomBelow(random, largest - smallest + 1);
  return { method, operand: BigInt(random() < 0.5 ? size : -size) };
}

import type { DecidedCommand, DecidedSlot } from "../log/decided.js";

export const calculatorService = "synod.calculator.v1.Calculator";

export type CalculatorMethod = "Add" | "Subtract" | "Multiply";

/** An answer of the calculator: the number after the command, or the name of the error it got. */
export type CalculatorAnswer = { readonly value: string } | { readonly error: string };

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

/** The calculator as a person would run it: one number, one command after the other. It shares no code with the service. */
export class Calculation {
  #value = 0n;

  get value(): string {
    return String(this.#value);
  }

  run(method: string, operand: bigint): CalculatorAnswer {
    const next = this.#result(method, operand);
    if (next < smallest || next > largest) return { error: "OUT_OF_RANGE" };
    this.#value = next;
    return { value: String(next) };
  }

  #result(method: string, operand: bigint): bigint {
    switch (method) {
      case "Add":
        return this.#value + operand;
      case "Subtract":
        return this.#value - operand;
      case "Multiply":
        return this.#value * operand;
      case "Value":
        return this.#value;
      default:
        throw new Error(`expected a method of ${calculatorService}, found ${method}`);
    }
  }
}

export interface SequentialRun {
  /** By `${clientId}#${sequence}`: the answer of the one execution. */
  readonly answers: ReadonlyMap<string, CalculatorAnswer>;
  /** Decided more than once, executed once all the same. */
  readonly repeats: number;
  /** The number after the last command. */
  readonly value: string;
}

export function commandKey(command: { readonly clientId: string; readonly sequence: number }): string {
  return `${command.clientId}#${command.sequence}`;
}

/** Runs the calculator commands of a decided log in slot order, each (client, sequence) at its first place only. */
export function runSequentially(log: readonly DecidedSlot[]): SequentialRun {
  const calculation = new Calculation();
  const answers = new Map<string, CalculatorAnswer>();
  let repeats = 0;
  for (const command of calculatorCommands(log)) {
    const key = commandKey(command);
    if (answers.has(key)) {
      repeats += 1;
      continue;
    }
    answers.set(key, calculation.run(command.method, operandOf(command)));
  }
  return { answers, repeats, value: calculation.value };
}

function calculatorCommands(log: readonly DecidedSlot[]): DecidedCommand[] {
  const batches = [...log].sort((a, b) => a.slot - b.slot);
  return batches
    .flatMap(({ content }) => (content.kind === "batch" ? content.commands : []))
    .filter((command) => command.service === calculatorService);
}

export function operandOf(command: DecidedCommand): bigint {
  const { operand } = (command.requestJson ?? {}) as { operand?: string | number };
  return BigInt(operand ?? 0);
}

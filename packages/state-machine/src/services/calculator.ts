import { Status } from "@synod/core";
import { type CommandMethod, defineService, type MethodCodec, type ReplicatedService } from "../service.js";
import type { ReadTransaction } from "../transaction.js";

/** An int64 as a decimal string. */
interface Operand {
  readonly operand: string;
}
interface Value {
  readonly value: string;
}

export interface CalculatorMethods {
  Add: { request: Operand; response: Value };
  Subtract: { request: Operand; response: Value };
  Multiply: { request: Operand; response: Value };
  Value: { request: object; response: Value };
}

const numberKey = Buffer.from("number");

function current(tx: ReadTransaction): bigint {
  const stored = tx.get(numberKey);
  return stored === undefined ? 0n : Buffer.from(stored).readBigInt64BE();
}

function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

function operandProblem({ operand }: Operand): string | undefined {
  if (/^-?\d{1,19}$/.test(operand) && isInt64(BigInt(operand))) return undefined;
  return `operand: expected an int64, found "${operand.slice(0, 32)}"`;
}

function operation(
  sign: string,
  combine: (left: bigint, right: bigint) => bigint,
): CommandMethod<Operand, Value> {
  return {
    kind: "command",
    validate: operandProblem,
    execute(tx, { operand }, context) {
      const before = current(tx);
      const after = combine(before, BigInt(operand));
      if (!isInt64(after)) {
        context.fail(
          Status.outOfRange,
          `${before} ${sign} ${operand} is ${after}, beyond int64; the number is unchanged`,
        );
      }
      const stored = Buffer.alloc(8);
      stored.writeBigInt64BE(after);
      tx.put(numberKey, stored);
      return { value: String(after) };
    },
  };
}

/** `synod.calculator.v1.Calculator`: one replicated number. */
export function calculatorService(
  codec: { readonly [K in keyof CalculatorMethods]: MethodCodec },
): ReplicatedService {
  return defineService<CalculatorMethods>({
    name: "synod.calculator.v1.Calculator",
    version: 1,
    codec,
    methods: {
      Add: operation("+", (left, right) => left + right),
      Subtract: operation("-", (left, right) => left - right),
      Multiply: operation("*", (left, right) => left * right),
      Value: { kind: "query", execute: (tx) => ({ value: String(current(tx)) }) },
    },
  });
}

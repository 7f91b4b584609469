import { replicatedService } from "../definition/replicated-service.js";
import { Status } from "../definition/status.js";
import type { ReadTransaction, Transaction } from "../definition/table.js";
import { builtInDescriptors } from "./descriptors.js";

const calculator = replicatedService({
  descriptors: builtInDescriptors,
  service: "synod.calculator.v1.Calculator",
});
/** One row. */
const number = calculator.table("number", [], "synod.calculator.v1.ValueResponse");

/** An int64 as a decimal string. */
interface Operation {
  readonly operand: string;
}
interface Failing {
  fail(name: "Overflow", message: string): never;
}

function current(tx: ReadTransaction): bigint {
  return BigInt(tx.get(number)?.value ?? "0");
}

function operation(sign: string, combine: (left: bigint, right: bigint) => bigint) {
  return (tx: Transaction, { operand }: Operation, context: Failing) => {
    const before = current(tx);
    const after = combine(before, BigInt(operand));
    if (BigInt.asIntN(64, after) !== after) {
      context.fail(
        "Overflow",
        `${before} ${sign} ${operand} is ${after}, beyond int64; the number is unchanged`,
      );
    }
    const value = String(after);
    tx.put(number, [], { value });
    return { value };
  };
}

/** `synod.calculator.v1.Calculator`: one replicated number. */
export const calculatorService = calculator.define({
  version: 1,
  errors: { Overflow: { code: Status.outOfRange } },
  commands: {
    Add: operation("+", (left, right) => left + right),
    Subtract: operation("-", (left, right) => left - right),
    Multiply: operation("*", (left, right) => left * right),
  },
  queries: { Value: (tx) => ({ value: String(current(tx)) }) },
});

import type { Model, Step } from "../model.js";
import type { Operation } from "../operation.js";
import { wholeOf } from "./fields.js";

/** `synod.calculator.v1.Calculator`: one number within int64. */
export const calculatorModel: Model<bigint> = {
  initial: 0n,
  text: String,
  readsOnly: ({ method, result }) =>
    method === "Value" || (result !== undefined && "error" in result.outcome),
  step(before, { method, request }) {
    const operand = wholeOf(request.operand);
    if (method === "Value") return answer(before);
    const after = resultOf(method, before, operand);
    if (BigInt.asIntN(64, after) !== after) return { state: before, outcome: { error: "OUT_OF_RANGE" } };
    return answer(after);
  },
};

function resultOf(method: Operation["method"], before: bigint, operand: bigint): bigint {
  if (method === "Add") return before + operand;
  if (method === "Subtract") return before - operand;
  if (method === "Multiply") return before * operand;
  throw new TypeError(`expected Add, Subtract, Multiply or Value, found ${method}`);
}

function answer(value: bigint): Step<bigint> {
  return { state: value, outcome: { answer: { value: String(value) } } };
}

import type { Context } from "../suite/context.js";
import { equal } from "../suite/expect.js";
import { type Check, type Row, writing } from "../suite/matrix.js";
import { endsWith } from "../suite/target.js";
import { type Method, rowOf } from "./service-rows.js";

const calculator = "synod.calculator.v1.Calculator";
const largest = "9223372036854775807";

async function calculate(context: Context, name: string, operand?: number): Promise<number> {
  const request = operand === undefined ? {} : { operand };
  return (await context.target("replica").call(`${calculator}/${name}`, request)).value;
}

/** One number, whoever else works with it: so every check begins by making it 0. */
async function cleared(context: Context): Promise<void> {
  equal(await calculate(context, "Multiply", 0), 0, "the number times 0");
}

const arithmetic: Check = writing(
  "calculator.proto",
  "every command answers with the number after it",
  async (context) => {
    await cleared(context);
    equal(await calculate(context, "Add", 7), 7, "0 + 7");
    equal(await calculate(context, "Subtract", 2), 5, "7 - 2");
    equal(await calculate(context, "Multiply", -3), -15, "5 × -3");
    equal(await calculate(context, "Value"), -15, "the number");
  },
);

const beyond = (name: string, before: number): Check =>
  writing(
    "calculator.proto",
    "a result beyond int64 is OUT_OF_RANGE and changes nothing",
    async (context) => {
      await cleared(context);
      await calculate(context, "Add", before);
      const ending = await context.target("replica").ask(`${calculator}/${name}`, { operand: largest });
      endsWith(ending, ["OUT_OF_RANGE"], [], `${before} and 2^63 - 1`);
      equal(await calculate(context, "Value"), before, "the number");
    },
  );

const command = (name: string, before: number): Method => ({
  service: calculator,
  name,
  request: () => ({ operand: 1 }),
  accepted: [arithmetic, beyond(name, before)],
  bad: {},
  large: {},
});

export const calculatorRows: readonly Row[] = [
  command("Add", 1),
  command("Subtract", -2),
  command("Multiply", 2),
  { ...command("Value", 0), query: true, request: () => ({}), accepted: [arithmetic] },
].map(rowOf);

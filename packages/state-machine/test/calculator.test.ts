import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { codecs, World } from "./support.js";

const most = 2n ** 63n - 1n;
const least = -(2n ** 63n);

describe("synod.calculator.v1.Calculator", () => {
  it("answers each command with the number after it, beginning at 0", () => {
    const world = new World();
    expect(world.calculator("Value")).toEqual({ value: "0" });
    expect(world.calculator("Add", 7)).toEqual({ value: "7" });
    expect(world.calculator("Multiply", -3)).toEqual({ value: "-21" });
    expect(world.calculator("Subtract", 4)).toEqual({ value: "-25" });
    expect(world.calculator("Value")).toEqual({ value: "-25" });
  });

  it("is exact up to the ends of int64, and OUT_OF_RANGE beyond, without changing the number", () => {
    const world = new World();
    expect(world.calculator("Add", most)).toEqual({ value: String(most) });
    for (const [method, operand] of [
      ["Add", 1n],
      ["Subtract", -1n],
      ["Multiply", 2n],
      ["Subtract", least],
    ] as const) {
      expect(world.calculator(method, operand)).toMatchObject({ status: Status.outOfRange });
      expect(world.calculator("Value")).toEqual({ value: String(most) });
    }
    expect(world.errors).toEqual([]);
  });

  it("is what exact arithmetic is, whatever the commands", () => {
    const operand = fc.oneof(fc.bigInt(-5n, 5n), fc.bigInt(least, most), fc.constantFrom(most, least));
    const step = fc.tuple(fc.constantFrom("Add", "Subtract", "Multiply"), operand);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const world = new World();
        let number = 0n;
        for (const [method, by] of steps) {
          const after = method === "Add" ? number + by : method === "Subtract" ? number - by : number * by;
          const answer = world.calculator(method, by);
          if (after < least || after > most) {
            expect(answer).toMatchObject({ status: Status.outOfRange });
          } else {
            number = after;
            expect(answer).toEqual({ value: String(number) });
          }
        }
        expect(world.calculator("Value")).toEqual({ value: String(number) });
      }),
    );
  });

  it("takes every int64 at the edge", () => {
    const world = new World();
    for (const operand of [most, least, 0n]) {
      const request = codecs["synod.calculator.v1.Calculator"]?.Add?.encodeRequest({
        operand: String(operand),
      });
      expect(
        world.engine.validate("synod.calculator.v1.Calculator", "Add", request as Uint8Array),
      ).toBeUndefined();
    }
  });
});

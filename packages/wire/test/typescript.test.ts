import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadServices, typeScriptOf } from "../src/index.js";
import { GeneratedTypes } from "./generated-types.js";
import { type Field, fieldValue, messageValue, nameOf, schema, setOfSchema, wholeSchema } from "./schemas.js";

const withValue = schema.chain((drawn) => fc.tuple(fc.constant(drawn), messageValue(drawn)));

function both(set: Uint8Array) {
  const { source, refused } = typeScriptOf(set);
  expect(refused).toEqual([]);
  return { types: new GeneratedTypes(source), codec: loadServices(set).message("t.M0") };
}

const wholeFields = wholeSchema[0] ?? [];
/** A value for each required field of the whole schema. */
const required = Object.fromEntries(
  wholeFields
    .filter(({ kind }) => kind === "required")
    .map((field) => [nameOf(field), fc.sample(fieldValue(wholeSchema, field), { numRuns: 1, seed: 1 })[0]]),
);

/** Of every kind that a field may have, and valid wherever the kind is right. */
const values = [
  5,
  "5",
  true,
  Buffer.of(5),
  null,
  undefined,
  "ONE",
  [],
  [5],
  ["5"],
  [true],
  {},
  { 5: 5 },
  { true: "5" },
];

/** True for texts that types cannot tell from those of numbers: a word for an integer of 64 bits, or as a key. */
function tooFine({ type, kind, keyType }: Field, value: unknown): boolean {
  if (value === "ONE") return type.endsWith("64");
  return (
    kind === "map" && keyType !== "bool" && keyType !== "string" && Object.keys(value ?? {}).includes("true")
  );
}

describe("generated types", () => {
  it("are those of what is read, which may be written again", () => {
    fc.assert(
      fc.property(withValue, ([drawn, value]) => {
        const { types, codec } = both(setOfSchema(drawn, "new"));
        expect(types.has("t$M0$Write", value)).toBe(true);
        const decoded = codec.decode(codec.encode(value));
        expect(types.has("t$M0$Read", decoded)).toBe(true);
        expect(types.has("t$M0$Write", decoded)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("let nothing be written that the codec refuses: every value in every field", () => {
    const { types, codec } = both(setOfSchema(wholeSchema, "new"));
    for (const field of wholeFields)
      for (const value of values) {
        const message = { ...required, [nameOf(field)]: value };
        if (types.has("t$M0$Write", message) && !tooFine(field, value)) codec.encode(message);
      }
  });

  it("say no more than what is read: each alternative of every type and kind of field comes up", () => {
    const { types, codec } = both(setOfSchema(wholeSchema, "new"));
    for (const field of wholeFields)
      for (const value of fc.sample(fieldValue(wholeSchema, field, 1), { numRuns: 12, seed: 1 })) {
        const decoded = codec.decode(codec.encode({ ...required, [nameOf(field)]: value }));
        expect(types.has("t$M0$Read", decoded)).toBe(true);
      }
    expect(types.alternatives("t$M0$Read").filter((each) => !types.seen.has(each))).toEqual([]);
  });
});

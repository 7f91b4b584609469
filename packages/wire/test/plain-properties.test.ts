import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, it } from "vitest";
import { loadServices, type PlainCodec, type PlainMessage, WireError } from "../src/index.js";
import { filesOf, typesOf } from "../src/message-types.js";
import { type Field, fieldValue, messageValue, nameOf, type Schema, schema, setOfSchema } from "./schemas.js";

const seed = Number(process.env.SEED ?? 0) || undefined;
const runs = { numRuns: 100, ...(seed === undefined ? {} : { seed }) };

function root(set: Uint8Array): PlainCodec {
  return loadServices(set).message("t.M0");
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** The fields of an encoded message, each with its tag. */
function fieldsOf(bytes: Uint8Array): { number: number; encoded: Uint8Array }[] {
  const reader = protobuf.Reader.create(bytes);
  const fields: { number: number; encoded: Uint8Array }[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    reader.skipType(tag & 7);
    fields.push({ number: tag >>> 3, encoded: bytes.subarray(start, reader.pos) });
  }
  return fields;
}

const withValue = schema.chain((drawn) => fc.tuple(fc.constant(drawn), messageValue(drawn)));

/** A field of the root that both builds know, with a value for it. */
const withChange = withValue.chain(([drawn, value]) => {
  const common = (drawn[0] ?? []).filter(({ old, kind }) => old && kind !== "member");
  const change = common.map((field: Field) =>
    fieldValue(drawn, field).map((changed): Record<string, unknown> => ({ [nameOf(field)]: changed })),
  );
  return fc.tuple(
    fc.constant(drawn),
    fc.constant(value),
    change.length > 0 ? fc.oneof(...change) : fc.constant({}),
  );
});

it("a build that lacks fields, at any depth, rewrites a row to the same bytes as the one that has them", () => {
  fc.assert(
    fc.property(withValue, ([drawn, value]) => {
      const [older, newer] = [root(setOfSchema(drawn, "old")), root(setOfSchema(drawn, "new"))];
      const row = newer.encode(value);
      expect(hex(older.encode({ ...older.decode(row) }))).toBe(hex(row));
      expect(hex(newer.encode({ ...newer.decode(row) }))).toBe(hex(row));
    }),
    runs,
  );
});

it("both builds write the same when they change what both know", () => {
  const scalarsOnly = (change: Record<string, unknown>, drawn: Schema) =>
    (drawn[0] ?? []).every((field) => !(nameOf(field) in change) || field.type !== "message");
  fc.assert(
    fc.property(withChange, ([drawn, value, change]) => {
      fc.pre(scalarsOnly(change, drawn));
      // The last value of the enum is one that the older build has no name for.
      fc.pre(!JSON.stringify(change).includes("TWO"));
      const [older, newer] = [root(setOfSchema(drawn, "old")), root(setOfSchema(drawn, "new"))];
      const row = newer.encode(value);
      const rewritten = (build: PlainCodec) => hex(build.encode({ ...build.decode(row), ...change }));
      expect(rewritten(older)).toBe(rewritten(newer));
    }),
    runs,
  );
});

it("whatever the order of its fields on the wire, a message has one encoding", () => {
  fc.assert(
    fc.property(withValue, fc.infiniteStream(fc.nat()), ([drawn, value], order) => {
      const codec = root(setOfSchema(drawn, "new"));
      const bytes = codec.encode(value);
      const shuffled = fieldsOf(bytes)
        .map((field) => ({ ...field, order: order.next().value as number }))
        .sort((a, b) => (a.number === b.number ? 0 : a.order - b.order));
      const numbers = shuffled.map(({ number }) => number);
      // A list whose parts stand apart is put together in their order.
      fc.pre(new Set(numbers).size === numbers.filter((each, index) => each !== numbers[index - 1]).length);
      const decoded = codec.decode(Buffer.concat(shuffled.map(({ encoded }) => encoded)));
      expect(hex(codec.encode(decoded))).toBe(hex(bytes));
      expect(isDeepStrictEqual(decoded, codec.decode(bytes))).toBe(true);
      expect(JSON.stringify(decoded)).toBe(JSON.stringify(codec.decode(bytes)));
    }),
    runs,
  );
});

it("other implementations read and write the same messages", () => {
  fc.assert(
    fc.property(withValue, ([drawn, value]) => {
      // protobufjs writes other keys than it read where those are bool or have 64 bits.
      const spoiled = (key: string) => key === "bool" || key.endsWith("64");
      fc.pre(!drawn.flat().some(({ kind, keyType }) => kind === "map" && spoiled(keyType)));
      const set = setOfSchema(drawn, "new");
      const codec = root(set);
      const type = typesOf(filesOf(set)).lookupType("t.M0");
      const bytes = codec.encode(value);
      const written = type.encode(type.decode(bytes)).finish();
      expect(hex(codec.encode(codec.decode(written)))).toBe(hex(bytes));
    }),
    runs,
  );
});

it("bytes that are spoilt are refused, or are a message with one encoding", () => {
  const spoilt = fc.tuple(
    withValue,
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
    fc.nat(),
  );
  fc.assert(
    fc.property(spoilt, ([[drawn, value], flips, length]) => {
      const codec = root(setOfSchema(drawn, "new"));
      const whole = codec.encode(value);
      const bytes = Buffer.from(length % 3 === 0 ? whole.subarray(0, length % (whole.length + 1)) : whole);
      for (const [at, byte] of flips) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      let decoded: PlainMessage;
      try {
        decoded = codec.decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
        return;
      }
      const canonical = codec.encode(decoded);
      expect(hex(codec.encode(codec.decode(canonical)))).toBe(hex(canonical));
    }),
    { ...runs, numRuns: 200 },
  );
});

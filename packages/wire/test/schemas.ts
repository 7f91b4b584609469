import fc from "fast-check";
import descriptor from "protobufjs/ext/descriptor/index.js";

/*
 * Schemas drawn at random, and values of them: what a user's protos may become.
 */

/** The parts of a FileDescriptorProto, as descriptor.proto names them. */
export interface File {
  syntax?: string;
  package?: string;
  messageType?: object[];
  enumType?: object[];
  service?: object[];
  extension?: object[];
  options?: object;
}

/** A google.protobuf.FileDescriptorSet of one file. */
export function setOf(file: File): Uint8Array {
  const set = { file: [{ name: "test.proto", syntax: "proto3", package: "t", ...file }] };
  return descriptor.FileDescriptorSet.encode(descriptor.FileDescriptorSet.fromObject(set)).finish();
}

const types: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const keyTypes = [
  ...["int64", "uint64", "int32", "fixed32", "bool", "string"],
  ...["sint64", "sfixed32", "uint32", "sint32", "fixed64", "sfixed64"],
];
const kinds = [
  "implicit",
  "optional",
  "member",
  "repeated",
  "expanded",
  "map",
  "explicit",
  "defaulted",
  "required",
] as const;
export type Kind = (typeof kinds)[number];
/** Without a counterpart in proto3; a schema with one of them is a file of an edition. */
const ofEditions: readonly Kind[] = ["explicit", "defaulted", "required"];

export interface Field {
  readonly number: number;
  readonly type: string;
  readonly kind: Kind;
  readonly keyType: string;
  /** Of a message field. */
  readonly target: number;
  /** Whether a build that is older has it too. */
  readonly old: boolean;
}

/** Fields of the messages `M0`, `M1` and so on; the first is the root. */
export type Schema = readonly (readonly Field[])[];

const field = (messages: number): fc.Arbitrary<Field> =>
  fc
    .record({
      number: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 40 }) },
        fc.constantFrom(2047, 2048, 536_870_911),
      ),
      type: fc.constantFrom(...Object.keys(types), "message", "message"),
      kind: fc.constantFrom<Kind>("implicit", ...kinds),
      keyType: fc.constantFrom(...keyTypes),
      target: fc.nat({ max: messages - 1 }),
      old: fc.boolean(),
    })
    .map((drawn) => possible(drawn));

/** Messages have no defaults; and a message that requires itself has no value. */
function possible(drawn: Field): Field {
  const isSpecial = drawn.kind === "defaulted" || drawn.kind === "required";
  return drawn.type === "message" && isSpecial ? { ...drawn, kind: "explicit" } : drawn;
}

/** One message with a field of each type and kind, and a map for each type of key. */
export const wholeSchema: Schema = [
  [
    ...Object.keys(types).flatMap((type) =>
      kinds.map((kind) => possible({ number: 0, type, kind, keyType: "string", target: 0, old: true })),
    ),
    ...keyTypes.map(
      (keyType): Field => ({ number: 0, type: "string", kind: "map", keyType, target: 0, old: true }),
    ),
  ].map((each, index) => ({ ...each, number: index + 1 })),
];

export const schema: fc.Arbitrary<Schema> = fc
  .integer({ min: 1, max: 3 })
  .chain((messages) =>
    fc.array(
      fc.uniqueArray(field(messages), { selector: ({ number }) => number, minLength: 1, maxLength: 7 }),
      { minLength: messages, maxLength: messages },
    ),
  );

/** What the build of the schema knows, or an older one that lacks fields at any depth, and the last value of the enum. */
export function setOfSchema(drawn: Schema, age: "new" | "old"): Uint8Array {
  const syntax = drawn.flat().some(({ kind }) => ofEditions.includes(kind)) ? "editions" : "proto3";
  const messageType = drawn.map((fields, index) =>
    message(`M${index}`, age === "new" ? fields : fields.filter(({ old }) => old), syntax),
  );
  const value = enumNames.map((name, number) => ({ name, number })).slice(0, age === "new" ? undefined : -1);
  return setOf({ syntax, messageType, enumType: [{ name: "E", value }] });
}

/** Numbers of FeatureSet.FieldPresence. */
const presences: Readonly<Partial<Record<Kind, number>>> = { implicit: 2, required: 3 };

function defaultOf(type: string): string {
  if (type === "string" || type === "bytes") return "\\001";
  if (type === "enum") return "ONE";
  if (type === "bool") return "true";
  return type === "double" ? "-inf" : type === "float" ? "nan" : "7";
}

const enumNames = ["ZERO", "ONE", "TWO"];

/** In objects. */
export function nameOf({ number }: Pick<Field, "number">): string {
  return `f${number}`;
}

function message(name: string, fields: readonly Field[], syntax: string): object {
  const members = fields.filter(({ kind }) => kind === "member");
  const optional = fields.filter(({ kind }) => kind === "optional" && syntax === "proto3");
  const oneofs = [...(members.length > 0 ? ["choice"] : []), ...optional.map((each) => `_${nameOf(each)}`)];
  const declared = fields.map((each) => {
    const { number, type, kind } = each;
    const oneof = kind === "member" ? "choice" : `_${nameOf(each)}`;
    const fieldPresence = syntax === "editions" && type !== "message" ? presences[kind] : undefined;
    const described = {
      ...{ name: `f_${number}`, number, ...typed(type, each.target) },
      ...(fieldPresence === undefined ? {} : { options: { features: { fieldPresence } } }),
      ...(kind === "defaulted" ? { defaultValue: defaultOf(type) } : {}),
    };
    if (kind === "map")
      return { ...described, label: 3, type: 11, typeName: `.t.${name}.${entryName(each)}` };
    return {
      ...described,
      label: kind === "repeated" || kind === "expanded" ? 3 : 1,
      ...(kind === "expanded" ? { options: { packed: false } } : {}),
      ...(oneofs.includes(oneof) && (kind === "member" || kind === "optional")
        ? { oneofIndex: oneofs.indexOf(oneof) }
        : {}),
      ...(optional.includes(each) ? { proto3Optional: true } : {}),
    };
  });
  const nestedType = fields
    .filter(({ kind }) => kind === "map")
    .map((each) => ({
      name: entryName(each),
      options: { mapEntry: true },
      field: [
        { name: "key", number: 1, label: 1, type: types[each.keyType] },
        { name: "value", number: 2, label: 1, ...typed(each.type, each.target) },
      ],
    }));
  return { name, field: declared, nestedType, oneofDecl: oneofs.map((each) => ({ name: each })) };
}

function entryName({ number }: Field): string {
  return `F${number}Entry`;
}

function typed(type: string, target: number): object {
  const typeName = type === "message" ? `.t.M${target}` : type === "enum" ? ".t.E" : undefined;
  return { type: types[type], ...(typeName === undefined ? {} : { typeName }) };
}

const bits = (size: number, signed: boolean) =>
  signed
    ? fc.bigInt({ min: -(2n ** BigInt(size - 1)), max: 2n ** BigInt(size - 1) - 1n })
    : fc.bigInt({ min: 0n, max: 2n ** BigInt(size) - 1n });
const near = (of: fc.Arbitrary<bigint>, least: bigint) =>
  fc
    .oneof(fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 31n - 1n), of)
    .map((value) => (value < least ? least : value));
const long = (signed: boolean) => near(bits(64, signed), signed ? -(2n ** 63n) : 0n).map(String);
const int = (signed: boolean) => near(bits(32, signed), signed ? -(2n ** 31n) : 0n).map(Number);
const text = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("constructor", "__proto__", "toString", "\uffff", "\u{10000}"),
);

const scalarValues: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  double: fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN)),
  float: fc.oneof(fc.float(), fc.constantFrom(0, -0, Number.NaN, 1e-60, 0.1)),
  int64: long(true),
  sint64: long(true),
  sfixed64: long(true),
  uint64: long(false),
  fixed64: long(false),
  int32: int(true),
  sint32: int(true),
  sfixed32: int(true),
  uint32: int(false),
  fixed32: int(false),
  bool: fc.boolean(),
  string: text,
  bytes: fc.uint8Array({ maxLength: 5 }).map((value) => Buffer.from(value)),
  enum: fc.constantFrom<unknown>("ZERO", "ONE", "TWO", 7, -1),
};

/** Values of a message of the schema. */
export function messageValue(drawn: Schema, index = 0, depth = 3): fc.Arbitrary<Record<string, unknown>> {
  const fields = (drawn[index] ?? []).filter(({ type }) => type !== "message" || depth > 0);
  const members = fields.filter(({ kind }) => kind === "member");
  const all = fc.record(
    Object.fromEntries(fields.map((each) => [nameOf(each), fieldValue(drawn, each, depth)])),
    { requiredKeys: fields.filter(({ kind }) => kind === "required").map(nameOf) },
  );
  return fc.tuple(all, fc.nat()).map(([value, choice]) => {
    const chosen = members[choice % Math.max(1, members.length)];
    for (const each of members) if (each !== chosen) delete value[nameOf(each)];
    return value as Record<string, unknown>;
  });
}

/** Values of a field. */
export function fieldValue(
  drawn: Schema,
  { type, kind, keyType, target }: Field,
  depth = 3,
): fc.Arbitrary<unknown> {
  const single =
    type === "message"
      ? messageValue(drawn, target, depth - 1)
      : (scalarValues[type] as fc.Arbitrary<unknown>);
  if (kind === "map") {
    const key = (scalarValues[keyType] as fc.Arbitrary<unknown>).map(String);
    return fc
      .array(fc.tuple(key, single), { maxLength: 3 })
      .map((entries) => Object.fromEntries(new Map(entries)));
  }
  return kind === "repeated" || kind === "expanded" ? fc.array(single, { maxLength: 3 }) : single;
}

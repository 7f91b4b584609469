// A proto for each syntax with a field of every type, label and feature that a field can have; and what its values are in
// protobuf's JSON and in TypeScript, written down here once more, apart from the code that is shown.

/**
 * A value as JSON has it, and as the source of TypeScript has it when it is read.
 * @typedef {readonly [json: unknown, ts: string]} Sample
 */

/**
 * The samples: an ordinary one, an extreme one, the one that is 0.
 * @typedef {{ read: string, write: string, samples: readonly Sample[], byDefault: string, default: string }} Type
 */

/** @param {string} least @param {string} most @param {string} [written] @returns {Type} */
function integer(least, most, written = "number") {
  const is64 = written !== "number";
  const literal = (/** @type {string} */ text) => (is64 ? `"${text}"` : text);
  const json = (/** @type {string} */ text) => (is64 ? text : Number(text));
  return {
    read: is64 ? "string" : "number",
    write: written,
    samples: ["5", least === "0" ? most : least, "0"].map((text) => [json(text), literal(text)]),
    byDefault: literal("0"),
    // Exact only as text where there are 64 bits, and none of the samples.
    default: is64 ? "9007199254740993" : "7",
  };
}

const [least32, most32, mostUnsigned32] = ["-2147483648", "2147483647", "4294967295"];
const [least64, most64] = ["-9223372036854775808", "9223372036854775807"];
const mostUnsigned64 = "18446744073709551615";
const written64 = "number | string";
/** @param {Sample} extreme @returns {Omit<Type, "default">} */
const float = (extreme) => ({
  ...{ read: "number", write: "number", byDefault: "0" },
  samples: [[1.5, "1.5"], extreme, [0, "0"]],
});

/** @type {Readonly<Record<string, Type>>} */
const scalars = {
  double: { ...float(["-Infinity", "-Infinity"]), default: "nan" },
  float: { ...float(["NaN", "Number.NaN"]), default: "-inf" },
  int32: integer(least32, most32),
  sint32: integer(least32, most32),
  sfixed32: integer(least32, most32),
  uint32: integer("0", mostUnsigned32),
  fixed32: integer("0", mostUnsigned32),
  int64: integer(least64, most64, written64),
  sint64: integer(least64, most64, written64),
  sfixed64: integer(least64, most64, written64),
  uint64: integer("0", mostUnsigned64, written64),
  fixed64: integer("0", mostUnsigned64, written64),
  bool: {
    ...{ read: "boolean", write: "boolean", byDefault: "false", default: "false" },
    samples: [
      [true, "true"],
      [true, "true"],
      [false, "false"],
    ],
  },
  string: {
    ...{ read: "string", write: "string", byDefault: '""', default: '"d\\"é"' },
    samples: [
      ["text", '"text"'],
      ["\u{10000}\0é", '"\\u{10000}\\u0000é"'],
      ["", '""'],
    ],
  },
  bytes: {
    ...{ read: "Buffer", write: "Uint8Array", byDefault: "Buffer.alloc(0)", default: '"\\001\\377"' },
    samples: [
      ["AAEC", 'Buffer.from("000102", "hex")'],
      ["//79", 'Buffer.from("fffefd", "hex")'],
      ["", "Buffer.alloc(0)"],
    ],
  },
};

/** Declared defaults, as JSON has them and as TypeScript reads them. @param {string} name @param {Type} type @returns {Sample} */
function defaultSample(name, { read, default: text }) {
  /** @type {Readonly<Record<string, Sample>>} */
  const spelt = {
    ...{ double: ["NaN", "Number.NaN"], float: ["-Infinity", "-Infinity"], bool: [false, "false"] },
    ...{
      string: ['d"é', '"d\\"é"'],
      bytes: ["Af8=", 'Buffer.from("01ff", "hex")'],
      Kind: ["KIND_TWO", '"KIND_TWO"'],
    },
  };
  return spelt[name] ?? [read === "string" ? text : Number(text), read === "string" ? `"${text}"` : text];
}

const keys = Object.keys(scalars).filter((type) => !["double", "float", "bytes"].includes(type));
const packable = (/** @type {string} */ type) => !["string", "bytes", "Part"].includes(type);

/**
 * A kind of field: how it is declared, and what it is when it is not set, in TypeScript; undefined when it is not there then.
 * @typedef {{ declare: (type: string, field: string) => string, shape: "one" | "list" | "map", types?: (type: string) => boolean,
 *   absent: "zero" | "default" | "nowhere" | "never", zeroIsDropped?: boolean }} Kind
 */

const noMessage = (/** @type {string} */ type) => type !== "Part";
/** @type {(options: string) => (type: string, field: string) => string} */
const withOption = (options) => (type, field) => `${type} ${field} [${options}]`;

/** @type {Readonly<Record<string, Kind>>} */
const ofEverySyntax = {
  member: { declare: (type, field) => `${type} ${field}`, shape: "one", absent: "nowhere" },
  list: { declare: (type, field) => `repeated ${type} ${field}`, shape: "list", absent: "zero" },
  map: { declare: (type, field) => `map<string, ${type}> ${field}`, shape: "map", absent: "zero" },
};

/** @type {Readonly<Record<string, { header: string, kinds: Readonly<Record<string, Kind>> }>>} */
const syntaxes = {
  proto3: {
    header: 'syntax = "proto3";',
    kinds: {
      plain: {
        declare: (type, field) => `${type} ${field}`,
        shape: "one",
        absent: "zero",
        zeroIsDropped: true,
      },
      optional: { declare: (type, field) => `optional ${type} ${field}`, shape: "one", absent: "nowhere" },
      ...ofEverySyntax,
      expanded: {
        ...{ declare: (type, field) => `repeated ${type} ${field} [packed = false]`, types: packable },
        ...{ shape: "list", absent: "zero" },
      },
    },
  },
  proto2: {
    header: 'syntax = "proto2";',
    kinds: {
      optional: { declare: (type, field) => `optional ${type} ${field}`, shape: "one", absent: "nowhere" },
      required: { declare: (type, field) => `required ${type} ${field}`, shape: "one", absent: "never" },
      defaulted: {
        declare: (type, field) => `optional ${type} ${field} [default = ${defaultOf(type)}]`,
        ...{ shape: "one", absent: "default", types: noMessage },
      },
      ...ofEverySyntax,
      packed: {
        declare: (type, field) => `repeated ${type} ${field} [packed = true]`,
        ...{ shape: "list", absent: "zero", types: packable },
      },
    },
  },
  ...Object.fromEntries(
    ["2023", "2024"].map((edition) => [
      `edition${edition}`,
      {
        header: `edition = "${edition}";`,
        /** @type {Record<string, Kind>} */
        kinds: {
          explicit: { declare: (type, field) => `${type} ${field}`, shape: "one", absent: "nowhere" },
          plain: {
            ...{ declare: withOption("features.field_presence = IMPLICIT"), types: noMessage },
            ...{ shape: "one", absent: "zero", zeroIsDropped: true },
          },
          required: {
            ...{ declare: withOption("features.field_presence = LEGACY_REQUIRED"), shape: "one" },
            absent: "never",
          },
          defaulted: {
            declare: (type, field) => `${type} ${field} [default = ${defaultOf(type)}]`,
            ...{ shape: "one", absent: "default", types: noMessage },
          },
          ...ofEverySyntax,
          expanded: {
            ...{
              declare: (type, field) =>
                `repeated ${type} ${field} [features.repeated_field_encoding = EXPANDED]`,
            },
            ...{ shape: "list", absent: "zero", types: packable },
          },
          unchecked: {
            ...{ declare: withOption("features.utf8_validation = NONE"), types: (type) => type === "string" },
            ...{ shape: "one", absent: "nowhere" },
          },
        },
      },
    ]),
  ),
};

/** @param {string} type */
function defaultOf(type) {
  return type === "Kind" ? "KIND_TWO" : scalars[type]?.default;
}

/** @param {string} syntax @returns {Readonly<Record<string, Type>>} */
function typesOf(syntax) {
  const none = syntax === "proto3" ? '{ n: "0" }' : "{}";
  return {
    ...scalars,
    Kind: {
      read: '"KIND_NONE" | "KIND_ONE" | "KIND_MINUS" | "KIND_TWO" | number',
      write: '"KIND_NONE" | "KIND_ONE" | "KIND_UNO" | "KIND_MINUS" | "KIND_TWO" | number',
      samples: [
        ["KIND_ONE", '"KIND_ONE"'],
        ["KIND_MINUS", '"KIND_MINUS"'],
        ["KIND_NONE", '"KIND_NONE"'],
      ],
      ...{ byDefault: '"KIND_NONE"', default: "KIND_TWO" },
    },
    Part: {
      ...{ read: `Read<"${syntax}.Part">`, write: `Write<"${syntax}.Part">` },
      samples: [
        [{ n: "5" }, '{ n: "5" }'],
        [{ n: least64 }, `{ n: "${least64}" }`],
        [{}, none],
      ],
      ...{ byDefault: "null", default: "" },
    },
  };
}

/**
 * A field of a row: its declaration; its name and types in TypeScript; and for each row its values, undefined where it has none.
 * @typedef {{ declaration: (number: number) => string, name: string, read: string, write: string, absentWhenRead: boolean,
 *   absentWhenWritten: boolean, choice?: string, given: readonly unknown[], json: readonly unknown[],
 *   ts: readonly (string | undefined)[] }} Field
 */

/** Of the rows that are stored of each syntax. In the last, what has a default of its own is set to it. */
export const rowNames = ["ordinary", "extreme", "zero", "unset", "default"];

/** @type {readonly Sample[]} */
const notFalse = [
  [true, "true"],
  [true, "true"],
  [true, "true"],
];

/** @param {string} kindName @param {Kind} kind @param {string} typeName @param {Type} type @returns {Field} */
function fieldOf(kindName, kind, typeName, type) {
  const proto = `${kindName}_${typeName.toLowerCase()}`;
  const name = objectName(proto);
  // The default, written by TypeScript, is not set: of a bool there is one other value.
  const samples = kind.absent === "default" && typeName === "bool" ? notFalse : type.samples;
  const set =
    kind.shape === "list" ? samples.map(listed) : kind.shape === "map" ? samples.map(mapped) : samples;
  const [wraps, none] = wrappings[kind.shape];
  const isMember = kindName === "member";
  const isOne = kind.shape === "one";
  const orNull = typeName === "Part" && isOne && !isMember && kind.absent !== "never" ? " | null" : "";
  const nowhere = kind.absent === "nowhere" && orNull === "";
  const required = kind.absent === "never";
  /** @type {Sample} */
  const byDefault = kind.absent === "default" ? defaultSample(typeName, type) : [undefined, type.byDefault];
  const unset = required
    ? samples[0]
    : nowhere
      ? [undefined, undefined]
      : [undefined, isOne ? byDefault[1] : none];
  const last = kind.absent === "default" ? byDefault : unset;
  const declared = kind.declare(typeName, proto);
  return {
    declaration: (number) => {
      const field = declared.includes("[")
        ? declared.replace(" [", ` = ${number} [`)
        : `${declared} = ${number}`;
      return isMember ? `oneof choice_${typeName.toLowerCase()} { ${field}; }` : `${field};`;
    },
    name,
    read: `${wraps(type.read)}${orNull}`,
    write: `${wraps(type.write)}${orNull}`,
    absentWhenRead: nowhere && isOne,
    absentWhenWritten: !required,
    ...(isMember ? { choice: objectName(`choice_${typeName.toLowerCase()}`) } : {}),
    given: [...set.map(([json]) => json), unset?.[0], last?.[0]],
    json: [
      ...set.map(([json], row) =>
        row === 2 && kind.zeroIsDropped && noMessage(typeName) ? undefined : json,
      ),
      unset?.[0],
      last?.[0],
    ],
    ts: [...set, unset, last].map((sample) => /** @type {string | undefined} */ (sample?.[1])),
  };
}

/** @param {Sample} sample @returns {Sample} */
const listed = ([json, ts]) => [[json, json], `[${ts}, ${ts}]`];
/** @param {Sample} sample @returns {Sample} */
const mapped = ([json, ts]) => [{ k: json, "": json }, `{ k: ${ts}, "": ${ts} }`];

/** @type {Readonly<Record<Kind["shape"], readonly [wraps: (type: string) => string, none: string]>>} */
const wrappings = {
  one: [(type) => type, ""],
  list: [(type) => `(${type})[]`, "[]"],
  map: [(type) => `{ [key: string]: ${type} }`, "{}"],
};

/** @param {string} type @returns {Field} */
function keyField(type) {
  const name = objectName(`key_${type}`);
  const texts =
    type === "bool" ? ["true", "false", "true"] : scalars[type]?.samples.map(([json]) => String(json));
  const wrapped = type === "bool" ? "{ true?: string; false?: string }" : "{ [key: string]: string }";
  const set = (texts ?? []).map((text) => ({ [text]: "v" }));
  return {
    declaration: (number) => `map<${type}, string> key_${type} = ${number};`,
    ...{ name, read: wrapped, write: wrapped, absentWhenRead: false, absentWhenWritten: true },
    ...{ given: set, json: set },
    ts: [...set.map((each) => JSON.stringify(each)), "{}", "{}"],
  };
}

/** @param {string} proto */
function objectName(proto) {
  return proto.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

/**
 * @typedef {{ syntax: string, proto: string, fields: readonly Field[] }} Enumerated
 * @returns {Enumerated[]}
 */
export function enumerated() {
  return Object.entries(syntaxes).map(([syntax, { header, kinds }]) => {
    const types = typesOf(syntax);
    const fields = Object.entries(kinds).flatMap(([kindName, kind]) =>
      Object.entries(types)
        .filter(([type]) => kind.types?.(type) ?? true)
        .map(([typeName, type]) => fieldOf(kindName, kind, typeName, type)),
    );
    fields.push(...keys.map(keyField));
    const id = { proto2: "optional ", proto3: "optional " }[syntax] ?? "";
    const declarations = fields.map(({ declaration }, index) => `  ${declaration(index + 2)}`);
    const proto = `${header}
package ${syntax};
enum Kind { option allow_alias = true; KIND_NONE = 0; KIND_ONE = 1; KIND_UNO = 1; KIND_MINUS = -1; KIND_TWO = 2; }
message Part { ${syntax === "proto2" ? "optional " : ""}int64 n = 1; }
message Row {
  ${id}string id = 1;
${declarations.join("\n")}
}
message Name { ${id}string id = 1; }
service Keeper {
  rpc Keep(Row) returns (Row);
  rpc Get(Name) returns (Row) { option idempotency_level = NO_SIDE_EFFECTS; }
}
`;
    return { syntax, proto, fields };
  });
}

// Rows of the protos that are written by hand, as protobuf's JSON has them and as TypeScript reads them.

/**
 * @typedef {{ given: object, json?: object, ts: string }} Row `json` is what comes back, where it is another than was given
 * @typedef {{ service: string, scope: string, rows: readonly Row[] }} ByHand
 */

const five = { n: "5" };
const inTs = '{ n: "5" }';

const known = {
  ...{ id: "a", any: { "@type": "type.googleapis.com/known.Name", id: "within" } },
  ...{ timestamp: "2023-11-14T22:13:20.000000005Z", duration: "-3.500s", empty: {} },
  ...{ fieldMask: "id,fieldMask", struct: { a: [null, 1.5, "x", true, {}] }, value: null },
  ...{ listValue: [1], int64Value: "0", bytesValue: "AQ==", boolValue: false },
  ...{ stringValue: "", doubleValue: "NaN", several: ["18446744073709551615", "0"] },
};

/** A field called then is a text here, and makes no promise. */
const odd = {
  ...{ id: "a", constructor: "c", toString: "s", Proto: "p", toJSON: "j", ...JSON.parse('{ "then": "t" }') },
  ...{ hasOwnProperty: "h", function: "f", xYZ: "x", HTTPCode: "H", f1: "1", "@other name": "o" },
  ...{ remarked: "r", lazily: { id: "l" }, asNumber: "9007199254740993", rows: [{ id: "r" }] },
  ...{ byName: { b: { id: "n" } }, nothing: {}, chosen: {}, cord: "c", last: "z", kind: 7 },
  texts: JSON.parse('{ "constructor": "c", "__proto__": "p", "toString": "s", "hasOwnProperty": "h" }'),
};

/** @type {readonly ByHand[]} */
export const byHand = [
  {
    ...{ service: "S", scope: "" },
    rows: [
      {
        given: {
          ...{
            id: "a",
            long: five,
            object: five,
            promise: five,
            buffer: five,
            record: five,
            uint8Array: five,
          },
          ...{ read: five, write: five, protos: five, array: [five], any: { a: five }, raw: "AQ==" },
        },
        ts: `{ id: "a", long: ${inTs}, object: ${inTs}, promise: ${inTs}, buffer: ${inTs}, record: ${inTs}, uint8Array: ${inTs},
          read: ${inTs}, write: ${inTs}, protos: ${inTs}, array: [${inTs}], any: { a: ${inTs} }, raw: Buffer.of(1) }`,
      },
    ],
  },
  {
    ...{ service: "nested.Keeper", scope: "nested." },
    rows: [
      {
        given: {
          ...{ id: "a", asset: { title: "t" }, colour: "COLOUR_RED" },
          report: {
            ...{ asset: { load: 1 }, colour: "COLOUR_BLUE", outer: "COLOUR_RED" },
            ...{ within: { asset: { load: 2 } }, imported: { title: "u" } },
          },
        },
        ts: `{ id: "a", asset: { title: "t" }, colour: "COLOUR_RED", report: { asset: { load: 1 }, colour: "COLOUR_BLUE",
          outer: "COLOUR_RED", within: { asset: { load: 2 } }, imported: { title: "u" } } }`,
      },
    ],
  },
  {
    ...{ service: "casing.keeper", scope: "casing." },
    rows: [
      {
        given: { id: "a", small: { lower: "l" }, large: { upper: "u" }, other: { elsewhere: "e" } },
        ts: '{ id: "a", small: { lower: "l" }, large: { upper: "u" }, other: { elsewhere: "e" } }',
      },
    ],
  },
  {
    ...{ service: "known.Keeper", scope: "known." },
    rows: [
      {
        given: { ...known, nullValue: null },
        json: known,
        ts: `{ id: "a", any: { typeUrl: "type.googleapis.com/known.Name", value: Buffer.from("0a0677697468696e", "hex") },
          timestamp: { seconds: "1700000000", nanos: 5 }, duration: { seconds: "-3", nanos: -500_000_000 }, empty: {},
          fieldMask: { paths: ["id", "field_mask"] },
          struct: { fields: { a: { kind: "listValue", listValue: { values: [
            { kind: "nullValue", nullValue: "NULL_VALUE" }, { kind: "numberValue", numberValue: 1.5 },
            { kind: "stringValue", stringValue: "x" }, { kind: "boolValue", boolValue: true },
            { kind: "structValue", structValue: { fields: {} } } ] } } } },
          value: { kind: "nullValue", nullValue: "NULL_VALUE" },
          listValue: { values: [{ kind: "numberValue", numberValue: 1 }] }, nullValue: "NULL_VALUE",
          int64Value: { value: "0" }, bytesValue: { value: Buffer.of(1) }, boolValue: { value: false },
          stringValue: { value: "" }, doubleValue: { value: Number.NaN },
          several: [{ value: "18446744073709551615" }, { value: "0" }] }`,
      },
      {
        given: { id: "b" },
        ts: `{ id: "b", any: null, timestamp: null, duration: null, empty: null, fieldMask: null, struct: null, value: null,
          listValue: null, nullValue: "NULL_VALUE", int64Value: null, bytesValue: null, boolValue: null, stringValue: null,
          doubleValue: null, several: [] }`,
      },
    ],
  },
  {
    ...{ service: "stated.Keeper", scope: "stated." },
    rows: [
      {
        given: {
          ...{ id: "a", numbers: [1, 0], odd: { shut: "SHUT_ONE" }, open: "OPEN_NONE", shut: "SHUT_ONE" },
          ...{ several: ["SHUT_TWO", "SHUT_ONE"], byName: { a: "OPEN_ONE" }, first: "SHUT_ONE", weak: {} },
        },
        ts: `{ id: "a", numbers: [1, 0], odd: { shut: "SHUT_ONE" }, open: "OPEN_NONE", shut: "SHUT_ONE",
          several: ["SHUT_TWO", "SHUT_ONE"], byName: { a: "OPEN_ONE" }, first: "SHUT_ONE", weak: {} }`,
      },
      {
        given: { id: "b" },
        ts: '{ id: "b", numbers: [], odd: null, several: [], byName: {}, first: "SHUT_TWO", weak: null }',
      },
    ],
  },
  {
    ...{ service: "odd.Keeper", scope: "odd." },
    rows: [
      {
        given: { ...odd, kinds: ["MINUS", "MOST", 7, "ALSO_FIRST"] },
        json: { ...odd, kinds: ["MINUS", "MOST", 7, "FIRST"] },
        ts: `{ ...none, id: "a", constructor$: "c", toString$: "s", Proto: "p", then: "t", toJSON: "j", hasOwnProperty$: "h",
          function: "f", xYZ: "x", HTTPCode: "H", f1: "1", renamed: "o", remarked: "r", lazily: { ...none, id: "l" },
          asNumber: "9007199254740993", rows: [{ ...none, id: "r" }], byName: { b: { ...none, id: "n" } }, nothing: {},
          chosen: {}, valueOf$: "chosen", cord: "c", last: "z",
          texts: { constructor: "c", ["__proto__"]: "p", toString: "s", hasOwnProperty: "h" },
          kind: 7, kinds: ["MINUS", "MOST", 7, "FIRST"] }`,
      },
    ],
  },
];

/** What the source of rows needs before them. @type {Readonly<Record<string, string>>} */
export const before = {
  "odd.Keeper": `
const none: Read<"odd.Row"> = { id: "", constructor$: "", toString$: "", Proto: "", then: "", toJSON: "", hasOwnProperty$: "",
  function: "", xYZ: "", HTTPCode: "", f1: "", renamed: "", remarked: "", lazily: null, asNumber: "0", rows: [], byName: {},
  nothing: null, zero: 0, texts: {}, kind: "FIRST", kinds: [], cord: "", last: "" };
`,
};

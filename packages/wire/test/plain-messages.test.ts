import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { loadServices, type PlainCodec, WireError } from "../src/index.js";
import {
  bytes,
  codecOf,
  double,
  enumeration,
  float,
  hex,
  int32,
  int64,
  map,
  repeated,
  rewritten,
  text,
} from "./codec-of.js";
import { setOf } from "./schemas.js";

describe("values that JavaScript does not define, or that have two forms, have one", () => {
  it("NaN, whatever its bits, in fields, lists and maps", () => {
    const odd = "a2070000 0000f87f".replace(" ", "");
    const quiet = "000000000000f87f";
    expect(rewritten(codecOf([double]), `09${odd}`)).toBe(`09${quiet}`);
    expect(rewritten(codecOf([float]), "0d0100a07f")).toBe("0d0000c07f");
    expect(rewritten(codecOf([{ ...double, ...repeated }]), `0a10${odd}${quiet}`)).toBe(
      `0a10${quiet}${quiet}`,
    );
    const { field, nestedType } = map(text, double);
    expect(rewritten(codecOf([field], { nestedType }), `0a0b0a0011${odd}`)).toBe(`0a0b0a0011${quiet}`);
  });

  it("-0 is another number than 0, and what 32 bits make 0 is 0", () => {
    expect(hex(codecOf([double]).encode({ f1: -0 }))).toBe("090000000000000080");
    expect(hex(codecOf([float]).encode({ f1: -1e-60 }))).toBe("0d00000080");
    expect(hex(codecOf([float]).encode({ f1: 1e-60 }))).toBe("");
    expect(hex(codecOf([int64]).encode({ f1: "-0" }))).toBe("");
  });

  it("integers with needless bytes, also where the field is not known", () => {
    expect(rewritten(codecOf([int64]), "08ff00")).toBe("087f");
    expect(rewritten(codecOf([]), "08ff00")).toBe("087f");
    expect(rewritten(codecOf([]), "88808000ff00")).toBe("087f");
    expect(rewritten(codecOf([int32]), "08ffffffffffffffffff01")).toBe("08ffffffffffffffffff01");
    expect(rewritten(codecOf([int32]), "08ffffffff0f")).toBe("08ffffffffffffffffff01");
  });

  it("defaults that were sent", () => {
    expect(rewritten(codecOf([int64, text, bytes]), "080012001a00")).toBe("");
    expect(hex(codecOf([text, bytes]).encode({ f1: "", f2: Buffer.alloc(0) }))).toBe("");
  });

  it("a message in parts is one message", () => {
    const within = codecOf([{ type: 11, typeName: ".t.M" }, int64, { ...int64, ...repeated }]);
    expect(rewritten(within, "0a0210050a031a01010a0210070a031a0102")).toBe("0a0610071a020102");
  });

  it("maps are sorted: numbers by value, texts by their UTF-8 bytes; two texts of one key are refused", () => {
    const numbers = map(int64, int32);
    const byNumber = codecOf([numbers.field], numbers);
    expect(
      Object.keys(byNumber.decode(byNumber.encode({ f1: { 10: 1, 9: 1, "-1": 1 } })).f1 as object),
    ).toEqual(["9", "10", "-1"]);
    expect(hex(byNumber.encode({ f1: { 10: 1, 9: 1, "-1": 1 } }))).toBe(
      "0a0d08ffffffffffffffffff0110010a04080910010a04080a1001",
    );
    expect(() => byNumber.encode({ f1: { 1: 1, "01": 1 } })).toThrow(
      't.M.f1: expected each key once, found "1" and "01"',
    );
    const texts = map(text, int32);
    const byText = codecOf([texts.field], texts);
    const encoded = byText.encode({ f1: { "\u{10000}": 1, "\uffff": 1, "\ud7ff": 1, b: 1, a: 1, "": 1 } });
    expect(Object.keys(byText.decode(encoded).f1 as object)).toEqual([
      "",
      "a",
      "b",
      "\ud7ff",
      "\uffff",
      "\u{10000}",
    ]);
  });

  it("of several names of an enum's number, the first", () => {
    const value = [
      { name: "NONE", number: 0 },
      { name: "FIRST", number: 1 },
      { name: "SECOND", number: 1 },
    ];
    const codec = codecOf([{ ...enumeration, typeName: ".t.E" }], { enumType: [{ name: "E", value }] });
    expect(codec.decode(codec.encode({ f1: "SECOND" }))).toEqual({ f1: "FIRST" });
    expect(codec.decode(codec.encode({ f1: 5 }))).toEqual({ f1: 5 });
    expect(() => codec.encode({ f1: 2 ** 31 })).toThrow(
      "t.M.f1: expected an integer from -2147483648 to 2147483647",
    );
  });
});

describe("fields that a build does not know", () => {
  const known = codecOf([int64]);

  it("come back in order of their numbers, those of one number in theirs", () => {
    expect(rewritten(known, "1a0161120162087f1a0163")).toBe("087f1201621a01611a0163");
    const row = known.decode(Buffer.from("1a0161087f", "hex"));
    expect([Object.keys(row), JSON.stringify(row)]).toEqual([["f1"], '{"f1":"127"}']);
    expect(hex(known.encode({ ...row, f1: 1 }))).toBe("08011a0161");
    expect(hex(known.encode({ f1: 1 }))).toBe("0801");
  });

  it("are refused in another message, and where they are none", () => {
    const set = setOf({ messageType: [{ name: "A" }, { name: "B" }] });
    const [a, b] = ["t.A", "t.B"].map((name) => loadServices(set).message(name)) as [PlainCodec, PlainCodec];
    expect(() => b.encode({ ...a.decode(Buffer.from("0801", "hex")) })).toThrow(
      "t.B: expected an object with the fields of t.B, found one copied from a t.A with fields that this build does not know",
    );
    expect(() => a.encode({ [Symbol.for("synod.unknownFields")]: "t.A\0\x0a\x05" } as never)).toThrow(
      WireError,
    );
    expect(() => a.encode({ [Symbol.for("synod.unknownFields")]: 5 } as never)).toThrow(WireError);
  });
});

it("maps hold any key: their objects have no prototype", () => {
  const { field, nestedType } = map(text, int64);
  const codec = codecOf([field], { nestedType });
  const names = ["constructor", "__proto__", "toString", "valueOf"];
  const empty = codec.decode(Buffer.alloc(0)).f1 as Record<string, unknown>;
  expect(names.map((name) => empty[name])).toEqual(names.map(() => undefined));
  let held = empty;
  for (const name of names) held = { ...held, [name]: "5" };
  const decoded = codec.decode(codec.encode({ f1: held })).f1 as Record<string, unknown>;
  expect(names.map((name) => decoded[name])).toEqual(names.map(() => "5"));
});

it("objects that would lose what they hold are refused", () => {
  const within = codecOf([{ type: 11, typeName: ".t.M" }]);
  expect(() => within.encode({ f1: new Date(0) })).toThrow(
    "t.M.f1: expected an object with the fields of t.M, found a Date",
  );
  const { field, nestedType } = map(text, int64);
  expect(() => codecOf([field], { nestedType }).encode({ f1: new Map([["a", 1]]) })).toThrow(
    "t.M.f1: expected an object (a map), found a Map",
  );
  let deep: Record<string, unknown> = {};
  for (let depth = 0; depth < 101; depth++) deep = { f1: deep };
  expect(() => within.encode(deep)).toThrow("expected messages at most 100 deep");
});

it("nothing but the bytes of a value is written, whatever it says of itself", () => {
  const codec = codecOf([bytes]);
  for (const length of [40, 1, -1, "long"]) {
    const value = Object.defineProperty(Uint8Array.of(7, 8), "length", { value: length });
    expect(hex(codec.encode({ f1: value }))).toBe("0a020708");
  }
});

it("field numbers that protobuf does not have are refused wherever they stand", () => {
  const { field, nestedType } = map(int32, int32);
  const codec = codecOf([field], { nestedType });
  // Number 0, and one of 34 bits whose low ones are those of the key.
  for (const entry of ["0000", "888080801007"])
    expect(() => codec.decode(Buffer.from(`0a0${entry.length / 2}${entry}`, "hex"))).toThrow("found tag");
  const forged = { [Symbol.for("synod.unknownFields")]: "t.M\0\0\0" };
  expect(() => codec.encode(forged as never)).toThrow("found tag 0");
});

it("everything that is decoded for a realm is of it", () => {
  const realm = vm.createContext({});
  const evaluate = (expression: string) => vm.runInContext(`(${expression})`, realm);
  const { field, nestedType } = map(text, bytes);
  const fields = [field, bytes, { ...int64, ...repeated }, { type: 11, typeName: ".t.M" }];
  const codec = codecOf(fields, { nestedType }, evaluate);
  const sent = Buffer.from([1]);
  const encoded = codec.encode({ f1: { a: sent }, f2: sent, f3: [1, 2], f4: { f3: [3] } });
  const decoded = codec.decode(encoded);
  const of = (name: string) => evaluate(`${name}.prototype`);
  const { f1, f2, f3, f4 } = decoded as {
    f1: { a: object };
    f2: Uint8Array;
    f3: object;
    f4: { f2: object; f3: object };
  };
  expect([decoded, f4].map(Object.getPrototypeOf)).toEqual([of("Object"), of("Object")]);
  for (const [value, prototype] of [
    [decoded, of("Object")],
    [f4, of("Object")],
    [f1.a, of("Uint8Array")],
    [f2, of("Uint8Array")],
    [f4.f2, of("Uint8Array")],
    [f3, of("Array")],
    [f4.f3, of("Array")],
  ])
    expect(Object.getPrototypeOf(value) === prototype).toBe(true);
  expect(Object.getPrototypeOf(f1)).toBe(null);
  // A copy: what a handler does to it does not reach what was decoded.
  f2[0] = 9;
  expect(hex(encoded)).toContain("120101");
  expect(hex(codec.encode(decoded))).toContain("120109");
  // What a build does not know crosses the realm too.
  const copy = evaluate("(row) => ({ ...row, f3: [7] })") as (row: object) => Record<string, unknown>;
  expect(hex(codec.encode(copy(codec.decode(Buffer.from("1a01052a0161", "hex")))))).toBe("1a01072a0161");
  for (const attempt of [() => codec.encode({ f9: 1 }), () => codec.decode(Buffer.from("0a", "hex"))]) {
    let thrown: unknown;
    try {
      attempt();
    } catch (error) {
      thrown = error;
    }
    expect(Object.getPrototypeOf(thrown) === of("Error")).toBe(true);
    expect((thrown as WireError).code).toBe(3);
  }
});

it("google.protobuf.Any is written under the names that are read", () => {
  const field = [
    { name: "type_url", number: 1, label: 1, ...text },
    { name: "value", number: 2, label: 1, ...bytes },
  ];
  const set = setOf({ package: "google.protobuf", messageType: [{ name: "Any", field }] });
  const any = loadServices(set).message("google.protobuf.Any");
  const read = any.decode(any.encode({ typeUrl: "a", value: Buffer.from([1]) }));
  expect(read).toEqual({ typeUrl: "a", value: Buffer.from([1]) });
  expect(hex(any.encode(read))).toBe("0a0161120101");
});

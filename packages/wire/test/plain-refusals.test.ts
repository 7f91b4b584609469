import { expect, it } from "vitest";
import { loadServices, typeScriptOf } from "../src/index.js";
import { codecOf, enumeration, group, hex, int64, map, text } from "./codec-of.js";
import { setOf } from "./schemas.js";

it("names in objects are those of protobuf's JSON, with a dollar where every object has such a property", () => {
  const named = (...names: string[]) => names.map((name) => ({ ...int64, name }));
  const names = [
    "hold_id",
    "x_y_z",
    "HTTPCode",
    "_lead",
    "a__b",
    "f_1",
    "constructor",
    "to_string",
    "__proto__",
    "then",
    "to_JSON",
  ];
  expect(Object.keys(codecOf(named(...names)).decode(Buffer.alloc(0)))).toEqual([
    "holdId",
    "xYZ",
    "HTTPCode",
    "Lead",
    "aB",
    "f1",
    "constructor$",
    "toString$",
    "Proto",
    "then",
    "toJSON",
  ]);
  const codec = codecOf(named("constructor", "value_of"));
  expect(hex(codec.encode({}))).toBe("");
  expect(hex(codec.encode({ constructor$: 1, valueOf$: 2 }))).toBe("08011002");
});

it("fields and oneofs that objects could not tell apart are refused when they are loaded", () => {
  const named = (...names: string[]) => names.map((name) => ({ ...int64, name }));
  expect(() => codecOf(named("a_b", "aB"))).toThrow(
    "test.proto: t.M: expected fields and oneofs with names of their own, found a_b and aB, which are both aB in objects",
  );
  const member = { ...int64, oneofIndex: 0 };
  const set = setOf({
    messageType: [
      { name: "M", field: [{ name: "aB", number: 1, label: 1, ...member }], oneofDecl: [{ name: "a_b" }] },
    ],
  });
  expect(() => loadServices(set)).toThrow("found aB and a_b, which are both aB in objects");
});

it("what is not supported is refused when it is loaded", () => {
  expect(() => codecOf([{ ...group, typeName: ".t.M" }])).toThrow("t.M.f1: groups are not supported");
  const delimited = { type: 11, typeName: ".t.M", options: { features: { messageEncoding: 2 } } };
  expect(() => codecOf([delimited], { syntax: "editions" })).toThrow("t.M.f1: messages encoded as groups");
  const byFile = { syntax: "editions", options: { features: { messageEncoding: 2 } } };
  expect(() => codecOf([{ type: 11, typeName: ".t.M" }], byFile)).toThrow(
    "t.M.f1: messages encoded as groups",
  );
  const { field, nestedType } = map(text, { type: 11, typeName: ".t.M" });
  const enumType = [{ name: "E", value: [{ name: "NONE", number: 0 }] }];
  const others = codecOf([field, { ...enumeration, typeName: ".t.E" }], { ...byFile, nestedType, enumType });
  expect(hex(others.encode({ f1: { a: {} } }))).toBe("0a050a01611200");
  const sets = [{ name: "M", options: { messageSetWireFormat: true } }];
  expect(() => loadServices(setOf({ messageType: sets }))).toThrow("t.M: message sets are not supported");
  const extension = [{ name: "more", number: 100, label: 1, ...int64, extendee: ".t.M" }];
  const extended = "t.more: extensions are not supported, except of options; declare the field in t.M";
  expect(() => loadServices(setOf({ messageType: [{ name: "M" }], extension }))).toThrow(extended);
  const within = [{ name: "M", extension }];
  expect(() => loadServices(setOf({ messageType: within }))).toThrow(
    "t.M.more: extensions are not supported",
  );
  const option = [
    { name: "more", number: 50_000, label: 1, ...int64, extendee: ".google.protobuf.FieldOptions" },
  ];
  expect(() => loadServices(setOf({ messageType: [{ name: "M" }], extension: option }))).not.toThrow();
  const optionOf = { ...option[0], type: 11, typeName: ".t.Rules" };
  const rule = { name: "rule", number: 100, label: 1, ...int64, extendee: ".t.Rule" };
  const rules = [
    { name: "Rule" },
    { name: "Rules", field: [{ name: "rule", number: 1, label: 1, type: 11, typeName: ".t.Rule" }] },
  ];
  expect(() => loadServices(setOf({ messageType: rules, extension: [optionOf, rule] }))).not.toThrow();
  expect(() => loadServices(setOf({ messageType: rules, extension: [rule] }))).toThrow(
    "t.rule: extensions are not",
  );
});

it("a service whose method cannot be replicated is loaded, and says why", () => {
  const method = [
    { name: "Put", inputType: ".t.M", outputType: ".t.M" },
    { name: "PutAll", inputType: ".t.M", outputType: ".t.M", clientStreaming: true },
    ...["then", "constructor"].map((name) => ({ name, inputType: ".t.M", outputType: ".t.M" })),
  ];
  const set = setOf({ messageType: [{ name: "M" }], service: [{ name: "S", method }] });
  const refused = [...(loadServices(set).services.get("t.S")?.methods.values() ?? [])].map(
    (each) => each.refused,
  );
  const name = expect.stringContaining("has a name that objects of JavaScript have already");
  expect(refused).toEqual([
    undefined,
    expect.stringContaining("streams requests, which cannot be replicated"),
    name,
    name,
  ]);
  expect(typeScriptOf(set).refused).toHaveLength(3);
});

import { expect, it } from "vitest";
import { loadServices } from "../src/index.js";
import { bytes, codecOf, double, hex, int64, rewritten, text } from "./codec-of.js";
import { setOf } from "./schemas.js";

it("the defaults that proto2 declares are exact", () => {
  const declared = (type: object, defaultValue: string) => ({ ...type, defaultValue });
  const codec = codecOf(
    [
      declared(double, "-inf"),
      declared(int64, "9007199254740993"),
      declared(bytes, "\\001\\377\\x41\\n"),
      declared(text, "hello"),
      declared({ type: 8 }, "true"),
    ],
    { syntax: "proto2" },
  );
  const absent = codec.decode(Buffer.alloc(0));
  expect(absent).toEqual({
    f1: Number.NEGATIVE_INFINITY,
    f2: "9007199254740993",
    f3: Buffer.from([1, 255, 65, 10]),
    f4: "hello",
    f5: true,
  });
  expect(hex(codec.encode(absent))).toBe("");
  expect(hex(codec.encode({ f2: 0, f4: "", f5: false }))).toBe("100022002800");
  const required = codecOf([{ ...int64, label: 2 }], { syntax: "proto2" });
  expect(hex(required.encode({ f1: 0 }))).toBe("0800");
  expect(() => required.decode(Buffer.alloc(0))).toThrow(
    "t.M.f1: expected a value, because the field is required",
  );
});

it("a field of proto2 or of an edition shows whether it is set, also to 0", () => {
  for (const syntax of ["proto2", "editions"]) {
    const codec = codecOf([int64, text], { syntax });
    expect(codec.decode(Buffer.alloc(0))).toEqual({});
    expect(rewritten(codec, "08001200")).toBe("08001200");
    const implicit = codecOf([{ ...int64, options: { features: { fieldPresence: 2 } } }], {
      syntax: "editions",
    });
    expect(implicit.decode(Buffer.alloc(0))).toEqual({ f1: "0" });
    expect(rewritten(implicit, "0800")).toBe("");
  }
});

it("a field that was set to its declared default stays set, in a copy too, also where the default is another", () => {
  const withDefault = (defaultValue: string) =>
    codecOf([{ ...int64, defaultValue }, text], { syntax: "proto2" });
  const [five, seven] = [withDefault("5"), withDefault("7")];
  for (const codec of [five, seven]) {
    expect(rewritten(codec, "0805")).toBe("0805");
    expect(rewritten(codec, "0807")).toBe("0807");
    expect(rewritten(codec, "")).toBe("");
    const copied = (encoded: string, change: object) =>
      hex(codec.encode({ ...codec.decode(Buffer.from(encoded, "hex")), ...change }));
    expect(copied("0805", { f2: "a" })).toBe("0805120161");
    expect(copied("0805", { f1: "6" })).toBe("0806");
    expect(copied("", { f2: "a" })).toBe("120161");
  }
  const field = [{ name: "f1", number: 1, label: 1, ...int64, defaultValue: "5" }];
  const set = setOf({ syntax: "proto2", messageType: [{ name: "Other", field }] });
  const { f2: _, ...row } = five.decode(Buffer.from("0805", "hex"));
  expect(hex(loadServices(set).message("t.Other").encode(row))).toBe("");
});

import { loadServices, type PlainCodec } from "../src/index.js";
import { type File, setOf } from "./schemas.js";

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** The codec of message `t.M` with these fields, of which `type` and `label` are numbers of descriptor.proto. */
export function codecOf(
  field: object[],
  more: File & { nestedType?: object[] } = {},
  evaluate?: (code: string) => unknown,
) {
  const { nestedType, ...file } = more;
  const named = field.map((each, index) => ({ name: `f${index + 1}`, number: index + 1, label: 1, ...each }));
  return loadServices(
    setOf({ ...file, messageType: [{ name: "M", field: named, nestedType }] }),
    evaluate,
  ).message("t.M");
}

export const double = { type: 1 };
export const float = { type: 2 };
export const int64 = { type: 3 };
export const int32 = { type: 5 };
export const group = { type: 10 };
export const text = { type: 9 };
export const bytes = { type: 12 };
export const enumeration = { type: 14 };
export const repeated = { label: 3 };
export const map = (key: object, value: object) => ({
  field: { type: 11, typeName: ".t.M.Entry", label: 3 },
  nestedType: [
    {
      name: "Entry",
      options: { mapEntry: true },
      field: [
        { name: "key", number: 1, label: 1, ...key },
        { name: "value", number: 2, label: 1, ...value },
      ],
    },
  ],
});
export const rewritten = (codec: PlainCodec, encoded: string) =>
  hex(codec.encode(codec.decode(Buffer.from(encoded, "hex"))));

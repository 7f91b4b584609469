import { wireType } from "../bytes.js";
import { shown, WireError } from "../wire-error.js";
import { declaredDefault } from "./defaults.js";
import { beneath } from "./nesting.js";
import type { RealmValues } from "./realm-values.js";
import { isSame, type Scalar, scalars } from "./scalars.js";
import type { EnumShape, FieldShape, Shapes } from "./shapes.js";
import type { MessageCoder, Value } from "./value.js";

/** Makes the values of fields. */
export class Values {
  readonly #shapes: Shapes;
  readonly #realm: RealmValues;
  readonly #coder: (message: string) => MessageCoder;

  constructor(shapes: Shapes, realm: RealmValues, coder: (message: string) => MessageCoder) {
    this.#shapes = shapes;
    this.#realm = realm;
    this.#coder = coder;
  }

  of({ type, declaredDefault: declared }: FieldShape): Value {
    if (type.kind === "message") return messageValue(this.#coder(type.name));
    if (type.kind === "enum") return enumValue(this.#shapes.enum(type.name), declared);
    const scalar = scalars[type.scalar];
    const byDefault =
      declared === undefined ? scalar.zero : scalar.check(declaredDefault(type.scalar, declared));
    const value = scalarValue(scalar, byDefault);
    return type.scalar === "bytes" ? bytesValue(value, byDefault as Buffer, this.#realm) : value;
  }

  /** The keys of a map; they read as text. */
  keyOf({ keyType }: FieldShape): Value {
    const scalar = scalars[keyType ?? "string"];
    const value = scalarValue(scalar, scalar.zero);
    return keyType === "bool" ? { ...value, check: boolOfKey } : value;
  }
}

function boolOfKey(key: unknown): boolean {
  if (key !== "true" && key !== "false") throw new WireError("", "keys true and false", shown(key));
  return key === "true";
}

function scalarValue(scalar: Scalar, byDefault: unknown): Value {
  const { write, read, plain } = scalar;
  const absent = plain(byDefault);
  return {
    wireType: scalar.wireType,
    absent: () => absent,
    check: scalar.check,
    isDefault: (checked) => isSame(checked, byDefault),
    write,
    read: plain === String ? (input, limit, place) => String(read(input, limit, place)) : read,
    reader: undefined,
  };
}

function bytesValue(value: Value, byDefault: Buffer, realm: RealmValues): Value {
  return {
    ...value,
    absent: () => realm.bytes(Buffer.from(byDefault)),
    read: (input, limit) => realm.bytes(input.bytes(limit)),
  };
}

/** Names, of several for a number the first, and numbers that have none. */
function enumValue({ numbers, names, first }: EnumShape, declared: string | undefined): Value {
  const { check, write, read } = scalars.int32 as Scalar<number>;
  const byDefault = declared === undefined ? first : (numbers.get(declared) ?? first);
  const plain = (number: number) => names.get(number) ?? number;
  return {
    wireType: wireType.varint,
    absent: () => plain(byDefault),
    check: (value) => {
      const number = typeof value === "string" ? numbers.get(value) : value;
      if (typeof number !== "number" || !Number.isInteger(number))
        throw new WireError("", `one of ${[...numbers.keys()].join(", ")}`, shown(value));
      return check(number);
    },
    isDefault: (checked) => checked === byDefault,
    write: write as Value["write"],
    read: (input, limit, place) => plain(read(input, limit, place)),
    reader: undefined,
  };
}

function messageValue({ reader, writer }: MessageCoder): Value {
  const empty = () => reader.finish(reader.begin());
  return {
    wireType: wireType.bytes,
    absent: empty,
    check: (value) => value,
    isDefault: () => false,
    write: (output, value, depth) => {
      const start = output.open();
      writer.write(output, value, depth + 1);
      output.close(start);
    },
    read: (input, limit, place, depth) => {
      const end = input.end(limit);
      const into = reader.begin();
      try {
        reader.read(input, end, into, depth + 1);
        return reader.finish(into);
      } catch (error) {
        throw beneath(error, place);
      }
    },
    reader,
  };
}

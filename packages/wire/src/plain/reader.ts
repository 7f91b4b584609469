import { wireType } from "../bytes.js";
import { WireError } from "../wire-error.js";
import type { Input } from "./input.js";
import { beneath, checkDepth } from "./nesting.js";
import type { RealmValues } from "./realm-values.js";
import { setToDefaultText } from "./set-to-default.js";
import type { FieldShape, MessageShape } from "./shapes.js";
import { UnknownFields } from "./unknown-fields.js";
import type { PartReader, Unfinished, Value } from "./value.js";
import type { Values } from "./values.js";

type ReadField = (input: Input, type: number, limit: number, into: unknown[], depth: number) => void;

/** Decodes messages of one type to plain objects of a realm. */
export class MessageReader implements PartReader {
  readonly #shape: MessageShape;
  readonly #realm: RealmValues;
  readonly #assemble: (values: readonly unknown[]) => object;
  readonly #byNumber: ReadField[] = [];
  readonly #required: readonly (readonly [index: number, field: FieldShape])[];
  /** Of fields with a declared default: tells whether a value is that. */
  readonly #defaulted: (readonly [index: number, number: number, isDefault: (value: unknown) => boolean])[] =
    [];
  /** Of fields with a message, whose parts may come one after the other. */
  readonly #parts: (readonly [index: number, reader: PartReader])[] = [];

  constructor(shape: MessageShape, realm: RealmValues, assemble: (values: readonly unknown[]) => object) {
    this.#shape = shape;
    this.#realm = realm;
    this.#assemble = assemble;
    this.#required = shape.fields.flatMap((field, index) =>
      field.presence === "required" ? [[index, field] as const] : [],
    );
  }

  /** To be called once the readers of all messages are there: they may need each other. */
  connect(values: Values): void {
    for (const [index, field] of this.#shape.fields.entries()) {
      const value = values.of(field);
      if (field.cardinality === "singular" && value.reader !== undefined)
        this.#parts.push([index, value.reader]);
      if (field.presence === "defaulted")
        this.#defaulted.push([index, field.number, (each) => value.isDefault(value.check(each))]);
      const read = this.#fieldReader(field, index, value, values);
      this.#byNumber[field.number] = field.oneof === undefined ? read : this.#onlyMember(field, index, read);
    }
  }

  decode(input: Input): object {
    const into = this.begin();
    this.read(input, input.buffer.length, into, 0);
    return this.finish(into);
  }

  begin(): Unfinished {
    return { values: new Array(this.#shape.fields.length + 2).fill(undefined), unknown: undefined };
  }

  read(input: Input, limit: number, into: Unfinished, depth: number): void {
    checkDepth(depth);
    while (input.position < limit) {
      const start = input.position;
      const tag = input.tag();
      const read = this.#byNumber[tag >>> 3];
      if (read !== undefined) read(input, tag & 7, limit, into.values, depth);
      else {
        into.unknown ??= new UnknownFields();
        into.unknown.read(input, start, tag, limit);
      }
    }
    input.finish(limit);
  }

  finish({ values, unknown }: Unfinished): object {
    for (const [index, { name }] of this.#required)
      if (values[index] === undefined)
        throw new WireError(`.${name}`, "a value, because the field is required", "nothing");
    for (const [index, reader] of this.#parts) {
      const part = values[index] as Unfinished | undefined;
      if (part === undefined) continue;
      try {
        values[index] = reader.finish(part);
      } catch (error) {
        throw beneath(error, `.${this.#shape.fields[index]?.protoName}`);
      }
    }
    const { name, fields } = this.#shape;
    if (unknown !== undefined) values[fields.length] = unknown.text(name);
    if (this.#defaulted.length > 0) values[fields.length + 1] = this.#setToDefault(values);
    return this.#assemble(values);
  }

  #setToDefault(values: readonly unknown[]): string | undefined {
    const numbers = this.#defaulted
      .filter(([index, , isDefault]) => values[index] !== undefined && isDefault(values[index]))
      .map(([, number]) => number);
    return numbers.length === 0 ? undefined : setToDefaultText(this.#shape.name, numbers);
  }

  #fieldReader(field: FieldShape, index: number, value: Value, values: Values): ReadField {
    if (field.cardinality === "map") return this.#mapReader(field, index, value, values);
    if (field.cardinality === "repeated") return this.#listReader(field, index, value);
    const { protoName } = field;
    const place = `.${protoName}`;
    const { reader } = value;
    if (reader === undefined)
      return (input, type, limit, into) => {
        if (type !== value.wireType) throw wrongType(input, protoName, type);
        into[index] = value.read(input, limit, place, 0);
      };
    return (input, type, limit, into, depth) => {
      if (type !== wireType.bytes) throw wrongType(input, protoName, type);
      const end = input.end(limit);
      into[index] ??= reader.begin();
      try {
        reader.read(input, end, into[index] as Unfinished, depth + 1);
      } catch (error) {
        throw beneath(error, place);
      }
    };
  }

  #listReader({ protoName }: FieldShape, index: number, value: Value): ReadField {
    const place = `.${protoName}`;
    const realm = this.#realm;
    return (input, type, limit, into, depth) => {
      into[index] ??= realm.list();
      const list = into[index] as unknown[];
      if (type === value.wireType) {
        list[list.length] = value.read(input, limit, place, depth);
        return;
      }
      if (type !== wireType.bytes) throw wrongType(input, protoName, type);
      const end = input.end(limit);
      while (input.position < end) list[list.length] = value.read(input, end, place, depth);
      input.finish(end);
    };
  }

  /** A map is a list of entries: field 1 is the key, field 2 the value. */
  #mapReader(field: FieldShape, index: number, value: Value, values: Values): ReadField {
    const { protoName } = field;
    const place = `.${protoName}`;
    const realm = this.#realm;
    const keys = values.keyOf(field);
    return (input, type, limit, into, depth) => {
      if (type !== wireType.bytes) throw wrongType(input, protoName, type);
      const end = input.end(limit);
      let key = keys.absent();
      let held: unknown;
      while (input.position < end) {
        const tag = input.tag();
        const number = tag >>> 3;
        if (number !== 1 && number !== 2) {
          input.skip(tag, end);
          continue;
        }
        const part = number === 1 ? keys : value;
        if ((tag & 7) !== part.wireType)
          throw input.malformed(`a map entry of ${protoName} with wire type ${tag & 7}`);
        if (number === 1) key = keys.read(input, end, place, depth);
        else held = value.read(input, end, place, depth + 1);
      }
      input.finish(end);
      into[index] ??= realm.map();
      (into[index] as Record<string, unknown>)[String(key)] = held === undefined ? value.absent() : held;
    };
  }

  #onlyMember(field: FieldShape, index: number, read: ReadField): ReadField {
    const { oneof } = field;
    const others = (oneof?.members ?? [])
      .filter((member) => member !== field)
      .map((member) => [this.#shape.fields.indexOf(member), member] as const);
    if (oneof === undefined || others.length === 0) return read;
    return (input, type, limit, into, depth) => {
      if (into[index] === undefined)
        for (const [other, { protoName }] of others)
          if (into[other] !== undefined)
            throw new WireError(
              `.${oneof.protoName}`,
              `at most one of ${oneof.members.map((member) => member.protoName).join(", ")}`,
              `${protoName} and ${field.protoName}`,
            );
      read(input, type, limit, into, depth);
    };
  }
}

function wrongType(input: Input, protoName: string, type: number): WireError {
  return input.malformed(`field ${protoName} with wire type ${type}`);
}

import { types } from "node:util";
import { wireType } from "../bytes.js";
import { shown, WireError } from "../wire-error.js";
import { beneath, checkDepth } from "./nesting.js";
import type { Output } from "./output.js";
import { numbersSetToDefault } from "./set-to-default.js";
import type { FieldShape, MessageShape } from "./shapes.js";
import { UnknownWriting } from "./unknown-fields.js";
import type { PartWriter, Value } from "./value.js";
import type { Values } from "./values.js";

/** @param setToDefault numbers of fields that are set, though to their default */
type WriteField = (output: Output, value: unknown, depth: number, setToDefault: ReadonlySet<number>) => void;

const none: ReadonlySet<number> = new Set();

/**
 * Encodes plain objects of one message type, in the one canonical form: fields in order of their numbers, none that reads
 * the same when it is left out, maps in order of their keys. Protobufjs and proto-loader let much pass that is refused
 * here: text that is no number, unknown fields, both members of a oneof, text for bytes. In a replicated service each of
 * these is data lost in silence.
 */
export class MessageWriter implements PartWriter {
  readonly #shape: MessageShape;
  /** The values of the object's fields in order of numbers, then what it has under symbols. */
  readonly #takeApart: (message: object) => readonly unknown[];
  readonly #known: ReadonlySet<string>;
  readonly #writers: WriteField[] = [];
  /** Of these, at most one may be set. */
  readonly #choices: readonly (readonly number[])[];

  constructor(shape: MessageShape, takeApart: (message: object) => readonly unknown[]) {
    this.#shape = shape;
    this.#takeApart = takeApart;
    this.#known = new Set([...shape.fields, ...shape.oneofs].map(({ name }) => name));
    this.#choices = shape.oneofs
      .filter(({ members }) => members.length > 1)
      .map(({ members }) => members.map((member) => shape.fields.indexOf(member)));
  }

  /** To be called once the writers of all messages are there: they may need each other. */
  connect(values: Values): void {
    for (const field of this.#shape.fields) this.#writers.push(fieldWriter(field, values));
  }

  write(output: Output, message: unknown, depth: number): void {
    checkDepth(depth);
    const { fields } = this.#shape;
    if (!isObject(message))
      throw new WireError("", `an object with the fields of ${this.#shape.name}`, shown(message));
    const values = this.#takeApart(message);
    this.#refuseStrangers(message);
    for (const choice of this.#choices) this.#refuseSeveral(choice, values);
    const unknown = values[fields.length];
    const others = unknown === undefined ? undefined : new UnknownWriting(this.#shape.name, unknown);
    const setToDefault = values[fields.length + 1];
    const set = setToDefault === undefined ? none : numbersSetToDefault(this.#shape.name, setToDefault);
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as FieldShape;
      others?.before(field.number, output);
      const value = values[index];
      if (value !== undefined && value !== null) {
        try {
          (this.#writers[index] as WriteField)(output, value, depth, set);
        } catch (error) {
          throw beneath(error, `.${field.name}`);
        }
      } else if (field.presence === "required")
        throw new WireError(`.${field.name}`, "a value, because the field is required", "nothing");
    }
    others?.before(Number.POSITIVE_INFINITY, output);
  }

  #refuseStrangers(message: object): void {
    const keys = Object.keys(message);
    if (keys.length === 0) {
      if (Object.getPrototypeOf(message) === Object.prototype) return;
      // A Date or a Map would be taken for a message without fields.
      if (Object.prototype.toString.call(message) !== "[object Object]")
        throw new WireError("", `an object with the fields of ${this.#shape.name}`, shownKind(message));
      return;
    }
    for (const key of keys)
      if (!this.#known.has(key)) {
        const names = this.#shape.fields.map(({ name }) => name).join(", ") || "none";
        throw new WireError(`.${key}`, `a field of ${this.#shape.name} (${names})`, "an unknown one");
      }
  }

  #refuseSeveral(choice: readonly number[], values: readonly unknown[]): void {
    let found = 0;
    for (const index of choice) if (values[index] !== undefined && values[index] !== null) found++;
    if (found < 2) return;
    const { fields } = this.#shape;
    const names = (indexes: readonly number[]) => indexes.map((index) => (fields[index] as FieldShape).name);
    const set = choice.filter((index) => values[index] !== undefined && values[index] !== null);
    const oneof = fields[choice[0] as number]?.oneof;
    throw new WireError(
      `.${oneof?.name}`,
      `at most one of ${names(choice).join(", ")}`,
      names(set).join(" and "),
    );
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !types.isUint8Array(value);
}

function shownKind(value: object): string {
  return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
}

function fieldWriter(field: FieldShape, values: Values): WriteField {
  const value = values.of(field);
  const tag = (field.number * 8 + value.wireType) >>> 0;
  if (field.cardinality === "map") return mapWriter(field, value, values);
  if (field.cardinality === "repeated")
    return field.packed ? packedWriter(field, value) : listWriter(tag, value);
  if (field.presence === "implicit" || field.presence === "defaulted")
    return (output, given, depth, setToDefault) => {
      const checked = value.check(given);
      if (value.isDefault(checked) && !setToDefault.has(field.number)) return;
      output.varint(tag);
      value.write(output, checked, depth);
    };
  return (output, given, depth) => {
    const checked = value.check(given);
    output.varint(tag);
    value.write(output, checked, depth);
  };
}

function checkedList(list: unknown): readonly unknown[] {
  if (!Array.isArray(list)) throw new WireError("", "an array", shown(list));
  return list;
}

function listWriter(tag: number, value: Value): WriteField {
  return (output, given, depth) => {
    const list = checkedList(given);
    for (let index = 0; index < list.length; index++) {
      try {
        const checked = value.check(list[index]);
        output.varint(tag);
        value.write(output, checked, depth);
      } catch (error) {
        throw beneath(error, `[${index}]`);
      }
    }
  };
}

function packedWriter({ number }: FieldShape, value: Value): WriteField {
  const tag = (number * 8 + wireType.bytes) >>> 0;
  return (output, given, depth) => {
    const list = checkedList(given);
    if (list.length === 0) return;
    output.varint(tag);
    const start = output.open();
    for (let index = 0; index < list.length; index++) {
      try {
        value.write(output, value.check(list[index]), depth);
      } catch (error) {
        throw beneath(error, `[${index}]`);
      }
    }
    output.close(start);
  };
}

/** Entries in order of their keys: numbers by value, texts by their UTF-8 bytes, false before true. */
function mapWriter(field: FieldShape, value: Value, values: Values): WriteField {
  const keys = values.keyOf(field);
  const tag = (field.number * 8 + wireType.bytes) >>> 0;
  const keyTag = 8 + keys.wireType;
  const valueTag = 16 + value.wireType;
  return (output, given, depth) => {
    for (const [text, key, each] of entriesOf(given, keys)) {
      output.varint(tag);
      const start = output.open();
      output.varint(keyTag);
      keys.write(output, key, depth);
      try {
        const checked = value.check(each);
        output.varint(valueTag);
        value.write(output, checked, depth + 1);
      } catch (error) {
        throw beneath(error, `[${JSON.stringify(text)}]`);
      }
      output.close(start);
    }
  };
}

type MapEntry = readonly [text: string, key: unknown, value: unknown];

function entriesOf(map: unknown, keys: Value): readonly MapEntry[] {
  if (typeof map !== "object" || map === null || Array.isArray(map) || types.isMap(map))
    throw new WireError("", "an object (a map)", types.isMap(map) ? "a Map" : shown(map));
  const entries: MapEntry[] = [];
  for (const text of Object.keys(map)) {
    try {
      entries.push([text, keys.check(text), (map as Readonly<Record<string, unknown>>)[text]]);
    } catch (error) {
      throw beneath(error, `[${JSON.stringify(text)}]`);
    }
  }
  if (entries.length < 2) return entries;
  entries.sort(([, a], [, b]) => compareKeys(a, b));
  for (let index = 1; index < entries.length; index++) {
    const [earlier, later] = [entries[index - 1] as MapEntry, entries[index] as MapEntry];
    if (earlier[1] === later[1])
      throw new WireError(
        "",
        "each key once",
        `${JSON.stringify(earlier[0])} and ${JSON.stringify(later[0])}`,
      );
  }
  return entries;
}

function compareKeys(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

/** As UTF-8: where two texts first differ in a unit of a surrogate pair, that one is the higher. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x !== y) return raised(x) - raised(y);
  }
  return a.length - b.length;
}

/** The units of pairs above all others, in their order. */
function raised(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

import {
  type EnumDescriptor,
  type FieldDescriptor,
  type FileDescriptor,
  fieldName,
  joined,
  type MessageDescriptor,
} from "../message-types.js";
import { type FileRules, rulesOf } from "./file-rules.js";
import { type ScalarName, scalarNames } from "./scalar-names.js";

/*
 * The shapes of messages for the codec of plain objects, read from descriptors: every name resolved, every rule of the
 * file's syntax applied. Messages refer to each other by full name, because they may be recursive.
 */

export type ValueType =
  | { readonly kind: "scalar"; readonly scalar: ScalarName }
  | { readonly kind: "enum"; readonly name: string }
  | { readonly kind: "message"; readonly name: string };

/**
 * True when an object shows that a field is set. Only members of a oneof (a proto3 optional field is the only member of one)
 * and messages do, as the generated types have it. All other fields read as their default when they are not set, so they
 * are written only when they differ from it.
 */
export type Presence = "explicit" | "implicit" | "required";

export interface FieldShape {
  /** As the generated types spell it. */
  readonly name: string;
  /** As the proto spells it. */
  readonly protoName: string;
  /** Another name under which an object to be written may have it. */
  readonly alias: string | undefined;
  readonly number: number;
  readonly cardinality: "singular" | "repeated" | "map";
  readonly type: ValueType;
  /** Of maps. */
  readonly keyType: ScalarName | undefined;
  readonly packed: boolean;
  readonly presence: Presence;
  /** The declared default of a field that has one, as `FieldDescriptorProto.default_value` spells it. */
  readonly declaredDefault: string | undefined;
  readonly oneof: OneofShape | undefined;
}

export interface OneofShape {
  readonly name: string;
  readonly protoName: string;
  readonly members: readonly FieldShape[];
}

export interface MessageShape {
  /** Full name. */
  readonly name: string;
  /** In order of their numbers. */
  readonly fields: readonly FieldShape[];
  readonly oneofs: readonly OneofShape[];
}

export interface EnumShape {
  readonly name: string;
  readonly numbers: ReadonlyMap<string, number>;
  /** Of several names of a number, the first. */
  readonly names: ReadonlyMap<number, string>;
  /** The first declared. */
  readonly first: number;
}

/** All messages and enums of a descriptor set. */
export class Shapes {
  readonly #messages = new Map<string, () => MessageShape>();
  readonly #enums = new Map<string, EnumShape>();

  /** Throws an Error that names the field for what is not supported: groups, and fields with one name in objects. */
  constructor(files: readonly FileDescriptor[]) {
    for (const file of files) {
      const rules = rulesOf(file);
      const scope = file.package ?? "";
      for (const message of file.messageType ?? []) this.#add(message, scope, rules);
      for (const declared of file.enumType ?? []) this.#addEnum(declared, scope);
    }
  }

  /** Throws when there is none of this full name. */
  message(fullName: string): MessageShape {
    const made = this.#messages.get(fullName);
    if (made === undefined) throw new Error(`expected the full name of a message, found ${fullName}`);
    return made();
  }

  enum(fullName: string): EnumShape {
    const found = this.#enums.get(fullName);
    if (found === undefined) throw new Error(`expected the full name of an enum, found ${fullName}`);
    return found;
  }

  #add(message: MessageDescriptor, scope: string, rules: FileRules): void {
    const name = joined(scope, message.name);
    const own = rules.of(message);
    let shape: MessageShape | undefined;
    this.#messages.set(name, () => {
      shape ??= messageShape(message, name, own);
      return shape;
    });
    for (const field of message.field ?? []) own.check(field, joined(name, field.name));
    requireOwnNames(message, name);
    for (const inner of message.nestedType ?? []) this.#add(inner, name, own);
    for (const inner of message.enumType ?? []) this.#addEnum(inner, name);
  }

  #addEnum(declared: EnumDescriptor, scope: string): void {
    const name = joined(scope, declared.name);
    const values = declared.value ?? [];
    const names = new Map<number, string>();
    for (const value of values) if (!names.has(value.number)) names.set(value.number, value.name);
    this.#enums.set(name, {
      name,
      numbers: new Map(values.map((value) => [value.name, value.number])),
      names,
      first: values[0]?.number ?? 0,
    });
  }
}

/** Of two fields with one name in objects, one would be lost without a word. */
function requireOwnNames({ field = [], oneofDecl = [] }: MessageDescriptor, place: string): void {
  const taken = new Map<string, string>();
  for (const { name } of [...field, ...oneofDecl]) {
    const spelt = fieldName(name);
    const other = taken.get(spelt);
    if (other !== undefined)
      throw new Error(
        `${place}: expected fields and oneofs with names of their own, found ${other} and ${name}, which are both ${spelt} in objects; rename one`,
      );
    taken.set(spelt, name);
  }
}

function messageShape(message: MessageDescriptor, name: string, rules: FileRules): MessageShape {
  const entries = new Map(
    (message.nestedType ?? [])
      .filter((inner) => inner.options?.mapEntry === true)
      .map((inner) => [`.${joined(name, inner.name)}`, inner]),
  );
  const oneofs = (message.oneofDecl ?? []).map((declared) => ({
    name: fieldName(declared.name),
    protoName: declared.name,
    members: [] as FieldShape[],
  }));
  const fields = (message.field ?? []).map((field) => {
    const oneof = Object.hasOwn(field, "oneofIndex") ? oneofs[field.oneofIndex as number] : undefined;
    const shape = fieldShape(field, joined(name, field.name), {
      rules,
      oneof,
      entry: entries.get(field.typeName ?? ""),
    });
    oneof?.members.push(shape);
    return shape;
  });
  return { name, fields: fields.toSorted((a, b) => a.number - b.number), oneofs };
}

interface Surroundings {
  readonly rules: FileRules;
  readonly oneof: OneofShape | undefined;
  /** Of a map. */
  readonly entry: MessageDescriptor | undefined;
}

function fieldShape(
  field: FieldDescriptor,
  place: string,
  { rules, oneof, entry }: Surroundings,
): FieldShape {
  const part = (number: number) => {
    const found = entry?.field?.find((candidate) => candidate.number === number);
    if (found === undefined)
      throw new Error(`${place}: expected a map entry with field ${number}, found none`);
    return valueType(found, place);
  };
  const type = entry === undefined ? valueType(field, place) : part(2);
  const key = entry === undefined ? undefined : part(1);
  const repeated = rules.isRepeated(field);
  return {
    name: fieldName(field.name),
    protoName: field.name,
    // The generated types have google.protobuf.Any with this name where it is written.
    alias: place === "google.protobuf.Any.type_url" ? field.name : undefined,
    number: field.number,
    cardinality: entry !== undefined ? "map" : repeated ? "repeated" : "singular",
    type,
    keyType: key?.kind === "scalar" ? key.scalar : undefined,
    packed: entry === undefined && repeated && isPackable(type) && rules.isPacked(field),
    presence: rules.isRequired(field)
      ? "required"
      : oneof !== undefined || type.kind === "message"
        ? "explicit"
        : "implicit",
    declaredDefault:
      field.defaultValue === undefined || field.defaultValue === "" ? undefined : field.defaultValue,
    oneof,
  };
}

function isPackable(type: ValueType): boolean {
  return (
    type.kind === "enum" || (type.kind === "scalar" && type.scalar !== "string" && type.scalar !== "bytes")
  );
}

function valueType(field: FieldDescriptor, place: string): ValueType {
  const scalar = scalarNames[field.type];
  if (scalar !== undefined) return { kind: "scalar", scalar };
  const name = (field.typeName ?? "").replace(/^\./, "");
  if (field.type === 11) return { kind: "message", name };
  if (field.type === 14) return { kind: "enum", name };
  throw new Error(`${place}: expected a field type of descriptor.proto, found ${field.type}`);
}

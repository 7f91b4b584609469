import {
  type EnumDescriptor,
  type FieldDescriptor,
  type FileDescriptor,
  joined,
  type MessageDescriptor,
} from "../message-types.js";
import { type FileRules, rulesOf } from "./file-rules.js";
import { objectName } from "./names.js";
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
 * The difference between a field that is set and one that is not:
 * - "implicit": none. Not set, it reads as its default; so it is written only when it differs from that.
 * - "explicit": an object has the field when it is set. Members of oneofs, messages, `optional`, all fields of proto2.
 * - "defaulted": explicit, but not set, it reads as the default that the proto declares. Objects show that a field is set
 *   to its default under a symbol.
 * - "required": it is always set.
 */
export type Presence = "implicit" | "explicit" | "defaulted" | "required";

export interface FieldShape {
  /** In objects. */
  readonly name: string;
  /** As the proto spells it. */
  readonly protoName: string;
  readonly number: number;
  readonly cardinality: "singular" | "repeated" | "map";
  readonly type: ValueType;
  /** Of maps. */
  readonly keyType: ScalarName | undefined;
  readonly packed: boolean;
  readonly presence: Presence;
  /** The declared default of a field that has one, as `FieldDescriptorProto.default_value` spells it. */
  readonly declaredDefault: string | undefined;
  /** Undefined for a proto3 optional field, which a descriptor has as the only member of one. */
  readonly oneof: OneofShape | undefined;
}

export interface OneofShape {
  /** In objects. */
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
  /** Full names, in order of declaration, without the entries of maps. */
  readonly messageNames: string[] = [];

  /** @param files without anything that is refused */
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

  get enums(): Iterable<EnumShape> {
    return this.#enums.values();
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
    if (message.options?.mapEntry !== true) this.messageNames.push(name);
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

function messageShape(message: MessageDescriptor, name: string, rules: FileRules): MessageShape {
  const entries = new Map(
    (message.nestedType ?? [])
      .filter((inner) => inner.options?.mapEntry === true)
      .map((inner) => [`.${joined(name, inner.name)}`, inner]),
  );
  const oneofs = (message.oneofDecl ?? []).map((declared) => ({
    name: objectName(declared.name),
    protoName: declared.name,
    members: [] as FieldShape[],
  }));
  const fields = (message.field ?? []).map((field) => {
    const oneof = isMember(field) ? oneofs[field.oneofIndex as number] : undefined;
    const shape = fieldShape(field, joined(name, field.name), {
      rules,
      oneof,
      entry: entries.get(field.typeName ?? ""),
    });
    oneof?.members.push(shape);
    return shape;
  });
  return {
    name,
    fields: fields.toSorted((a, b) => a.number - b.number),
    oneofs: oneofs.filter(({ members }) => members.length > 0),
  };
}

function isMember(field: FieldDescriptor): boolean {
  return Object.hasOwn(field, "oneofIndex") && field.proto3Optional !== true;
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
    name: objectName(field.name),
    protoName: field.name,
    number: field.number,
    cardinality: entry !== undefined ? "map" : repeated ? "repeated" : "singular",
    type,
    keyType: key?.kind === "scalar" ? key.scalar : undefined,
    packed: entry === undefined && repeated && isPackable(type) && rules.isPacked(field),
    presence: presenceOf(field, rules),
    declaredDefault: hasDefault(field) ? field.defaultValue : undefined,
    oneof,
  };
}

function presenceOf(field: FieldDescriptor, rules: FileRules): Presence {
  if (rules.isRequired(field)) return "required";
  if (isMember(field)) return "explicit";
  if (hasDefault(field)) return "defaulted";
  return field.type === messageType || rules.isExplicit(field) ? "explicit" : "implicit";
}

function hasDefault(field: FieldDescriptor): boolean {
  return Object.hasOwn(field, "defaultValue");
}

const messageType = 11;

function isPackable(type: ValueType): boolean {
  return (
    type.kind === "enum" || (type.kind === "scalar" && type.scalar !== "string" && type.scalar !== "bytes")
  );
}

function valueType(field: FieldDescriptor, place: string): ValueType {
  const scalar = scalarNames[field.type];
  if (scalar !== undefined) return { kind: "scalar", scalar };
  const name = (field.typeName ?? "").replace(/^\./, "");
  if (field.type === messageType) return { kind: "message", name };
  if (field.type === 14) return { kind: "enum", name };
  throw new Error(`${place}: expected a field type of descriptor.proto, found ${field.type}`);
}

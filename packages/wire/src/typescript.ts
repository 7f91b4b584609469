import { type FileDescriptor, filesOf, joined, type MethodDescriptor } from "./message-types.js";
import { mayBeAbsent } from "./plain/objects.js";
import { refusedMessages, refusedMethods } from "./plain/refusals.js";
import type { ScalarName } from "./plain/scalar-names.js";
import {
  type EnumShape,
  type FieldShape,
  type MessageShape,
  Shapes,
  type ValueType,
} from "./plain/shapes.js";
import { type Declared, declarationsOf } from "./plain/source-info.js";

/*
 * TypeScript's types of messages, made from the shapes that the codec reads and writes them by. A type is named by the full name
 * of its message, with $ for its dots: full names are unique, and no name of a proto has a $, so no two are the same, and none
 * is a word or a global type of TypeScript.
 */

/** A descriptor set as `synod generate` turns it into types. */
export interface TypeScript {
  /** The source of a module that has types only. */
  readonly source: string;
  /** Full names of services' methods that stream responses. */
  readonly watches: readonly string[];
  /** Sentences about all that replicated services cannot use; the source is of no use when there is one. */
  readonly refused: readonly string[];
}

type Direction = "Read" | "Write";

/** @param descriptorSet a google.protobuf.FileDescriptorSet; with source information, comments and lines are told */
export function typeScriptOf(descriptorSet: Uint8Array): TypeScript {
  const files = filesOf(descriptorSet);
  const refused = [...refusedMessages(files), ...refusedMethods(files)];
  if (refused.length > 0) return { source: "", watches: [], refused };
  const types = new Types(files);
  return { source: types.source(), watches: types.watches, refused };
}

const written: Readonly<Partial<Record<ScalarName, string>>> = {
  int64: "number | string",
  uint64: "number | string",
  sint64: "number | string",
  fixed64: "number | string",
  sfixed64: "number | string",
  bytes: "Uint8Array",
};
const read: Readonly<Record<ScalarName, string>> = {
  double: "number",
  float: "number",
  int32: "number",
  uint32: "number",
  sint32: "number",
  fixed32: "number",
  sfixed32: "number",
  int64: "string",
  uint64: "string",
  sint64: "string",
  fixed64: "string",
  sfixed64: "string",
  bool: "boolean",
  string: "string",
  bytes: "Buffer",
};

class Types {
  readonly #files: readonly FileDescriptor[];
  readonly #shapes: Shapes;
  readonly #declarations: ReadonlyMap<string, Declared>;
  readonly watches: string[] = [];

  constructor(files: readonly FileDescriptor[]) {
    this.#files = files;
    this.#shapes = new Shapes(files);
    this.#declarations = declarationsOf(files);
  }

  source(): string {
    const names = this.#shapes.messageNames;
    const messages = names.map((name) => this.#shapes.message(name));
    const enums = [...this.#shapes.enums];
    return [
      ...enums.map((each) => this.#enum(each)),
      ...messages.flatMap((each) => [this.#message(each, "Read"), this.#message(each, "Write")]),
      this.#protos(names),
      readAndWrite,
    ].join("\n\n");
  }

  /** A number that has no name is read as it is: a build need not know all names. */
  #enum({ name, numbers, names }: EnumShape): string {
    const union = (texts: Iterable<string>) => [...[...texts].map(quoted), "number"].join(" | ");
    return [
      `${this.#comment(name)}export type ${typeName(name, "Read")} = ${union(names.values())};`,
      `export type ${typeName(name, "Write")} = ${union(numbers.keys())};`,
    ].join("\n");
  }

  #message(shape: MessageShape, direction: Direction): string {
    const { name, fields, oneofs } = shape;
    const comment = direction === "Read" ? this.#comment(name) : "";
    const type = typeName(name, direction);
    // The type {} would take anything.
    if (fields.length === 0) return `${comment}export type ${type} = Record<string, never>;`;
    const lines = fields.map((field) => this.#field(name, field, direction));
    for (const oneof of oneofs) {
      const members = oneof.members.map((member) => quoted(member.name)).join(" | ");
      const undefinedToo = direction === "Write" ? " | undefined" : "";
      lines.push(
        `${this.#comment(joined(name, oneof.protoName), "  ")}  ${property(oneof.name)}?: ${members}${undefinedToo};`,
      );
    }
    return `${comment}export interface ${type} {\n${lines.join("\n")}\n}`;
  }

  #field(message: string, field: FieldShape, direction: Direction): string {
    const type = fieldType(field, direction);
    const left = direction === "Write" ? field.presence !== "required" : mayBeAbsent(field);
    const comment = this.#comment(joined(message, field.protoName), "  ");
    return `${comment}  ${property(field.name)}${left ? "?" : ""}: ${type};`;
  }

  #protos(names: readonly string[]): string {
    const messages = names.map(
      (name) =>
        `    ${quoted(name)}: { read: ${typeName(name, "Read")}; write: ${typeName(name, "Write")} };`,
    );
    const services = this.#files.flatMap(({ package: scope = "", service = [] }) =>
      service.map(({ name, method = [] }) => this.#service(joined(scope, name), method)),
    );
    return [
      "/** Every message and every service, by full name. */",
      "export interface Protos {",
      "  messages: {",
      ...messages,
      "  };",
      "  services: {",
      ...services,
      "  };",
      "}",
    ].join("\n");
  }

  #service(name: string, methods: readonly MethodDescriptor[]): string {
    const lines = methods.map((method) => {
      const kind = kindOf(method);
      const fullName = joined(name, method.name);
      if (kind === "watch") this.watches.push(fullName);
      const [request, response] = [method.inputType, method.outputType].map((type) => quoted(type.slice(1)));
      return `${this.#comment(fullName, "      ")}      ${property(method.name)}: { kind: ${quoted(kind)}; request: ${request}; response: ${response} };`;
    });
    return [`    ${quoted(name)}: {`, ...lines, "    };"].join("\n");
  }

  /** A proto's comment as one of TypeScript's; empty when there is none. */
  #comment(fullName: string, indent = ""): string {
    const text = this.#declarations.get(fullName)?.comment?.trim();
    if (text === undefined || text === "") return "";
    const lines = text
      .replaceAll("*/", "*\\/")
      .split("\n")
      .map((line) => line.trim());
    if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
    return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */\n`].join(
      "\n",
    );
  }
}

function kindOf({ serverStreaming, options }: MethodDescriptor): "command" | "query" | "watch" {
  if (serverStreaming === true) return "watch";
  return options?.idempotencyLevel === noSideEffects ? "query" : "command";
}

/** Number of MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS. */
const noSideEffects = 1;

function fieldType(
  { cardinality, type, keyType, presence, oneof }: FieldShape,
  direction: Direction,
): string {
  const single = valueType(type, direction);
  const or = direction === "Write" && presence !== "required" ? " | undefined" : "";
  if (cardinality === "repeated") return `(${single})[]${or}`;
  if (cardinality === "map")
    return keyType === "bool"
      ? `{ true?: ${single}; false?: ${single} }${or}`
      : `{ [key: string]: ${single} }${or}`;
  const none = type.kind === "message" && presence !== "required" && oneof === undefined ? " | null" : "";
  return `${single}${none}${or}`;
}

function valueType(type: ValueType, direction: Direction): string {
  if (type.kind !== "scalar") return typeName(type.name, direction);
  return (direction === "Write" ? written[type.scalar] : undefined) ?? read[type.scalar];
}

function typeName(fullName: string, direction: Direction): string {
  return `${fullName.replaceAll(".", "$")}$${direction}`;
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

const readAndWrite = `/** A message as it is read: what is not set has its default, is null (a message), or is not there (\`optional\`, a oneof). */
export type Read<Name extends keyof Protos["messages"]> = Protos["messages"][Name]["read"];

/** A message as it may be written: what is left out is not set. */
export type Write<Name extends keyof Protos["messages"]> = Protos["messages"][Name]["write"];`;

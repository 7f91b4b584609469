import protobuf from "protobufjs";
import { asBuffer } from "../bytes.js";
import type { EnumDescriptor, FileDescriptor, MessageDescriptor, SourceLocation } from "../message-types.js";
import { joined } from "../message-types.js";

/** A declaration's place in its proto, and the comment before it. */
export interface Declared {
  readonly file: string;
  /** From 1; undefined when the descriptor set was made without source information. */
  readonly line: number | undefined;
  readonly comment: string | undefined;
}

/** Numbers of fields in descriptor.proto, of which the paths of locations consist. */
const inFile = { message: 4, enum: 5, service: 6, extension: 7 };
const inMessage = { field: 2, nested: 3, enum: 4, extension: 6, oneof: 8 };
const methodInService = 2;

/** Every message, field, oneof, extension, enum, service and method of the files, by full name. */
export function declarationsOf(files: readonly FileDescriptor[]): ReadonlyMap<string, Declared> {
  const found = new Map<string, Declared>();
  for (const file of files) new Declarations(file, found).add();
  return found;
}

class Declarations {
  readonly #file: FileDescriptor;
  readonly #found: Map<string, Declared>;
  readonly #locations: ReadonlyMap<string, SourceLocation>;

  constructor(file: FileDescriptor, found: Map<string, Declared>) {
    this.#file = file;
    this.#found = found;
    const { location = [] } = file.sourceCodeInfo ?? {};
    this.#locations = new Map(location.map((each) => [(each.path ?? []).join("."), each]));
  }

  add(): void {
    const { package: scope = "", messageType, enumType, service, extension } = this.#file;
    this.#each(messageType, [inFile.message], scope, (message, path, name) =>
      this.#message(message, path, name),
    );
    this.#each<EnumDescriptor>(enumType, [inFile.enum], scope);
    this.#each(extension, [inFile.extension], scope);
    this.#each(service, [inFile.service], scope, ({ method }, path, name) =>
      this.#each(method, [...path, methodInService], name),
    );
  }

  #message(message: MessageDescriptor, path: readonly number[], name: string): void {
    this.#each(message.field, [...path, inMessage.field], name);
    this.#each(message.oneofDecl, [...path, inMessage.oneof], name);
    this.#each(message.extension, [...path, inMessage.extension], name);
    this.#each(message.enumType, [...path, inMessage.enum], name);
    this.#each(message.nestedType, [...path, inMessage.nested], name, (inner, innerPath, innerName) =>
      this.#message(inner, innerPath, innerName),
    );
  }

  #each<Part extends { name: string }>(
    parts: readonly Part[] = [],
    path: readonly number[],
    scope: string,
    within?: (part: Part, path: readonly number[], name: string) => void,
  ): void {
    for (const [index, part] of parts.entries()) {
      const name = joined(scope, part.name);
      const own = [...path, index];
      const location = this.#locations.get(own.join("."));
      const row = location?.span?.[0];
      this.#found.set(name, {
        file: this.#file.name ?? "",
        line: row === undefined ? undefined : row + 1,
        comment: location?.leadingComments || undefined,
      });
      within?.(part, own, name);
    }
  }
}

/** The same google.protobuf.FileDescriptorSet without comments and lines; all else in it stays as it is, byte for byte. */
export function withoutSourceInfo(descriptorSet: Uint8Array): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const file of fieldsOf(descriptorSet)) {
    const kept = fieldsOf(file.content).filter(({ tag }) => tag !== sourceInfoTag);
    writer.uint32(file.tag).bytes(Buffer.concat(kept.map(({ whole }) => whole)));
  }
  return writer.finish();
}

/** Of FileDescriptorProto.source_code_info. */
const sourceInfoTag = (9 << 3) | 2;

interface Field {
  readonly tag: number;
  /** With its tag. */
  readonly whole: Uint8Array;
  /** Without tag and length. */
  readonly content: Uint8Array;
}

function fieldsOf(message: Uint8Array): Field[] {
  const bytes = asBuffer(message);
  const reader = protobuf.Reader.create(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const behindTag = reader.pos;
    reader.skipType(tag & 7);
    const end = reader.pos;
    reader.pos = behindTag;
    if ((tag & 7) === 2) reader.uint32();
    fields.push({ tag, whole: bytes.subarray(start, end), content: bytes.subarray(reader.pos, end) });
    reader.pos = end;
  }
  return fields;
}

import protobuf from "protobufjs";
import { asBuffer } from "./bytes.js";
import {
  type FieldDescriptor,
  type FileDescriptor,
  filesOf,
  joined,
  type MessageDescriptor,
} from "./message-types.js";

interface IndexedFile {
  readonly descriptor: FileDescriptor;
  /** The FileDescriptorProto as it stood in the set, byte for byte: options nobody here knows survive. */
  readonly bytes: Uint8Array;
}

/** Finds the files of descriptor sets by what they declare; what gRPC server reflection asks for. */
export class FileIndex {
  readonly #files = new Map<string, IndexedFile>();
  /** Full name of anything declared → name of its file. */
  readonly #symbols = new Map<string, string>();
  /** Full name of a message → numbers of its extensions → name of the file with that extension. */
  readonly #extensions = new Map<string, Map<number, string>>();
  readonly #services: string[] = [];

  /**
   * @param descriptorSets each a google.protobuf.FileDescriptorSet; of a file in several of them the first is taken
   *
   * Throws an Error when a file imports one that no set has, or when two files declare the same name.
   */
  constructor(...descriptorSets: readonly Uint8Array[]) {
    for (const set of descriptorSets) {
      const files = filesOf(set);
      const bytes = [...rawFiles(set)];
      files.forEach((descriptor, index) => {
        const name = descriptor.name ?? "";
        if (!this.#files.has(name)) this.#add(name, { descriptor, bytes: bytes[index] as Uint8Array });
        else this.#sameAs(name, descriptor);
      });
    }
    for (const [name, { descriptor }] of this.#files) {
      const missing = (descriptor.dependency ?? []).filter((dependency) => !this.#files.has(dependency));
      if (missing.length > 0)
        throw new Error(
          `descriptor set: ${name} imports ${missing.join(", ")}, which the set lacks; build it with all imports (buf build --as-file-descriptor-set, protoc --include_imports)`,
        );
    }
  }

  /** Full names, in order of declaration. */
  get services(): readonly string[] {
    return this.#services;
  }

  hasFile(name: string): boolean {
    return this.#files.has(name);
  }

  /** Name of the file that declares a message, enum, enum value, field, oneof, extension, service or method. */
  fileOfSymbol(fullName: string): string | undefined {
    return this.#symbols.get(fullName.replace(/^\./, ""));
  }

  fileOfExtension(message: string, number: number): string | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Numbers of all known extensions of a message. */
  extensionNumbers(message: string): number[] {
    return [...(this.#extensions.get(message)?.keys() ?? [])];
  }

  /** The encoded FileDescriptorProto of a file, then those of everything it imports, directly or not. */
  withImports(name: string): Uint8Array[] {
    const found = new Map<string, Uint8Array>();
    const visit = (each: string) => {
      const file = this.#files.get(each);
      if (file === undefined || found.has(each)) return;
      found.set(each, file.bytes);
      for (const dependency of file.descriptor.dependency ?? []) visit(dependency);
    };
    visit(name);
    return [...found.values()];
  }

  #add(name: string, file: IndexedFile): void {
    this.#files.set(name, file);
    for (const symbol of symbolsOf(file.descriptor)) {
      const other = this.#symbols.get(symbol);
      if (other !== undefined && other !== name)
        throw new Error(`descriptor set: ${symbol} is declared in ${other} and in ${name}; rename one`);
      this.#symbols.set(symbol, name);
    }
    for (const service of file.descriptor.service ?? [])
      this.#services.push(joined(file.descriptor.package ?? "", service.name));
    for (const { extendee, number } of extensionsOf(file.descriptor)) {
      const numbers = this.#extensions.get(extendee) ?? new Map<number, string>();
      numbers.set(number, name);
      this.#extensions.set(extendee, numbers);
    }
  }

  /** The same file again, perhaps built otherwise, is well; another one under its name would be lost. */
  #sameAs(name: string, descriptor: FileDescriptor): void {
    for (const symbol of symbolsOf(descriptor)) {
      if (this.#symbols.get(symbol) !== name)
        throw new Error(
          `descriptor set: two different files are named ${name}, and only one declares ${symbol}; rename one`,
        );
    }
  }
}

/** The files of a set, still encoded. */
function* rawFiles(descriptorSet: Uint8Array): Generator<Uint8Array> {
  const reader = protobuf.Reader.create(asBuffer(descriptorSet));
  const fileTag = 10;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === fileTag) yield reader.bytes();
    else reader.skipType(tag & 7);
  }
}

function* symbolsOf(file: FileDescriptor): Generator<string> {
  const scope = file.package ?? "";
  for (const message of file.messageType ?? []) yield* symbolsOfMessage(message, scope);
  for (const declared of file.enumType ?? []) yield* symbolsOfEnum(declared, scope);
  for (const extension of file.extension ?? []) yield joined(scope, extension.name);
  for (const service of file.service ?? []) {
    const name = joined(scope, service.name);
    yield name;
    for (const method of service.method ?? []) yield joined(name, method.name);
  }
}

function* symbolsOfMessage(message: MessageDescriptor, scope: string): Generator<string> {
  const name = joined(scope, message.name);
  yield name;
  for (const part of [...(message.field ?? []), ...(message.oneofDecl ?? []), ...(message.extension ?? [])])
    yield joined(name, part.name);
  for (const inner of message.nestedType ?? []) yield* symbolsOfMessage(inner, name);
  for (const declared of message.enumType ?? []) yield* symbolsOfEnum(declared, name);
}

/** Values of an enum live beside it, not in it. */
function* symbolsOfEnum(
  declared: { name: string; value?: { name: string }[] },
  scope: string,
): Generator<string> {
  yield joined(scope, declared.name);
  for (const value of declared.value ?? []) yield joined(scope, value.name);
}

function extensionsOf(file: FileDescriptor): { extendee: string; number: number }[] {
  const named = (fields: readonly FieldDescriptor[] | undefined) =>
    (fields ?? []).map(({ extendee, number }) => ({ extendee: (extendee ?? "").replace(/^\./, ""), number }));
  const within = (
    messages: readonly MessageDescriptor[] | undefined,
  ): { extendee: string; number: number }[] =>
    (messages ?? []).flatMap((message) => [...named(message.extension), ...within(message.nestedType)]);
  return [...named(file.extension), ...within(file.messageType)];
}

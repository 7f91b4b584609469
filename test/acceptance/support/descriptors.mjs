// Descriptor sets as any other program reads them: compiled by buf, decoded by proto-loader with descriptor.proto.
import { spawnSync } from "node:child_process";
import path from "node:path";
import * as loader from "@grpc/proto-loader";
import { root } from "./copy.mjs";

/**
 * Parts of descriptor.proto.
 * @typedef {{ name: string, number?: number, typeName?: string, extendee?: string, options?: { mapEntry?: boolean } | null,
 *   field?: Declared[], nestedType?: Declared[], enumType?: Declared[], oneofDecl?: Declared[], extension?: Declared[],
 *   value?: Declared[], method?: (Declared & { inputType: string, outputType: string })[] }} Declared
 * @typedef {{ name: string, package: string, dependency: string[], messageType: Declared[], enumType: Declared[],
 *   service: Declared[], extension: Declared[] }} File
 */

const google = loader.loadSync("google/protobuf/descriptor.proto", { defaults: true, arrays: true });
const fileType = /** @type {any} */ (google["google.protobuf.FileDescriptorProto"]);
const setType = /** @type {any} */ (google["google.protobuf.FileDescriptorSet"]);

/** @param {Buffer} bytes @returns {File} */
export function fileOf(bytes) {
  return fileType.deserialize(bytes);
}

/**
 * Compiles the protos of a folder, as a module of its own.
 * @param {string} folder
 * @returns {Map<string, Buffer>} each file's FileDescriptorProto, by its name, imports included
 */
export function compiledFiles(folder) {
  const { status, stdout, stderr } = spawnSync(
    path.join(root, "node_modules/.bin/buf"),
    [
      ...[
        "build",
        folder,
        "--config",
        '{"version":"v2"}',
        "--as-file-descriptor-set",
        "--exclude-source-info",
      ],
      ...["-o", "-#format=binpb"],
    ],
    { maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(`buf build ${folder}: ${stderr}`);
  return filesOfSet(stdout);
}

/** The files of a set by name, byte for byte as they stand there. @param {Buffer} set */
export function filesOfSet(set) {
  const count = setType.deserialize(set).file.length;
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  for (let at = 0; at < set.length; ) {
    if (set[at] !== 10)
      throw new Error(`expected the tag of FileDescriptorSet.file at ${at}, found ${set[at]}`);
    const [length, start] = varint(set, at + 1);
    const bytes = set.subarray(start, start + length);
    files.set(fileOf(bytes).name, bytes);
    at = start + length;
  }
  if (files.size !== count) throw new Error(`expected ${count} files, found ${files.size}`);
  return files;
}

/** @param {Buffer} bytes @param {number} at @returns {[number, number]} the number, and where it ends */
function varint(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at + 1];
  }
}

/**
 * Everything that a file declares: services, methods, messages, nested ones too, enums and their values, fields, oneofs,
 * extensions.
 * @param {File} file
 * @returns {string[]} full names
 */
export function symbolsOf(file) {
  const scope = file.package;
  return [
    ...file.messageType.flatMap((message) => symbolsOfMessage(message, scope)),
    ...file.enumType.flatMap((declared) => symbolsOfEnum(declared, scope)),
    ...file.extension.map(({ name }) => `${scope}.${name}`),
    ...file.service.flatMap((service) => [
      `${scope}.${service.name}`,
      ...(service.method ?? []).map(({ name }) => `${scope}.${service.name}.${name}`),
    ]),
  ];
}

/** @param {Declared} message @param {string} scope @returns {string[]} */
function symbolsOfMessage(message, scope) {
  const full = `${scope}.${message.name}`;
  const parts = [...(message.field ?? []), ...(message.oneofDecl ?? []), ...(message.extension ?? [])];
  return [
    full,
    ...parts.map(({ name }) => `${full}.${name}`),
    ...(message.nestedType ?? []).flatMap((nested) => symbolsOfMessage(nested, full)),
    ...(message.enumType ?? []).flatMap((declared) => symbolsOfEnum(declared, full)),
  ];
}

/** Values of an enum stand beside it. @param {Declared} declared @param {string} scope */
function symbolsOfEnum(declared, scope) {
  return [declared.name, ...(declared.value ?? []).map(({ name }) => name)].map((name) => `${scope}.${name}`);
}

/** Every type that a file refers to: of fields, of methods, and what it extends. @param {File} file */
export function typesNamedIn(file) {
  const named = [
    ...file.messageType.flatMap(typesNamedInMessage),
    ...file.extension.flatMap((field) => [field.typeName, field.extendee]),
    ...file.service.flatMap(({ method = [] }) => method.flatMap((each) => [each.inputType, each.outputType])),
  ];
  return [...new Set(named.filter((name) => name).map((name) => String(name).replace(/^\./, "")))];
}

/** @param {Declared} message @returns {(string | undefined)[]} */
function typesNamedInMessage(message) {
  const fields = [...(message.field ?? []), ...(message.extension ?? [])];
  return [
    ...fields.flatMap((field) => [field.typeName, field.extendee]),
    ...(message.nestedType ?? []).flatMap(typesNamedInMessage),
  ];
}

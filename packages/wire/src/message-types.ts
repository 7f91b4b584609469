import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { scalarNames } from "./plain/scalar-names.js";

/*
 * protobufjs can read a descriptor set itself (Root.fromDescriptor, which proto-loader uses too), but what it makes is
 * not what the generated types say: fields keep their snake_case names, maps become lists of entries, and
 * idempotency levels are lost. So the set is turned into protobufjs' own JSON form here, with nothing lost.
 */

/** The parts of google.protobuf.FileDescriptorProto and its members that are read here; see descriptor.proto. */
export interface FileDescriptor {
  name?: string;
  package?: string;
  dependency?: string[];
  messageType?: MessageDescriptor[];
  enumType?: EnumDescriptor[];
  service?: ServiceDescriptor[];
  extension?: FieldDescriptor[];
  syntax?: string;
  options?: { features?: FeatureSet };
  sourceCodeInfo?: { location?: SourceLocation[] };
}

export interface SourceLocation {
  path?: number[];
  /** Line and column, from 0, of the beginning; and then of the end. */
  span?: number[];
  leadingComments?: string;
}

/** Of an edition; numbers of its enums. */
export interface FeatureSet {
  fieldPresence?: number;
  repeatedFieldEncoding?: number;
  messageEncoding?: number;
}

export interface MessageDescriptor {
  name: string;
  field?: FieldDescriptor[];
  nestedType?: MessageDescriptor[];
  enumType?: EnumDescriptor[];
  extension?: FieldDescriptor[];
  oneofDecl?: { name: string }[];
  options?: { mapEntry?: boolean; messageSetWireFormat?: boolean; features?: FeatureSet };
}

export interface FieldDescriptor {
  name: string;
  number: number;
  label: number;
  type: number;
  typeName?: string;
  extendee?: string;
  oneofIndex?: number;
  defaultValue?: string;
  proto3Optional?: boolean;
  options?: { packed?: boolean; features?: FeatureSet };
}

export interface EnumDescriptor {
  name: string;
  value?: { name: string; number: number }[];
}

export interface ServiceDescriptor {
  name: string;
  method?: MethodDescriptor[];
}

export interface MethodDescriptor {
  name: string;
  inputType: string;
  outputType: string;
  clientStreaming?: boolean;
  serverStreaming?: boolean;
  options?: { idempotencyLevel?: number };
}

const repeatedLabel = 3;
const groupType = 10;
const notPackable = new Set(["string", "bytes"]);

/** Reads a google.protobuf.FileDescriptorSet. Throws an Error saying what to hand in when it is not one. */
export function filesOf(descriptorSet: Uint8Array): FileDescriptor[] {
  try {
    const set = descriptor.FileDescriptorSet.decode(descriptorSet) as unknown as { file: FileDescriptor[] };
    if (set.file.length > 0) return set.file;
  } catch (error) {
    throw new Error(`${notASet}, found bytes that do not decode: ${(error as Error).message}`);
  }
  throw new Error(`${notASet}, found one without files`);
}

const notASet =
  "expected a google.protobuf.FileDescriptorSet as made by `buf build --as-file-descriptor-set` or `protoc --include_imports --descriptor_set_out`";

/**
 * protobufjs types for every message of the files, named as the types that proto-loader generates name them.
 *
 * @param opaque full names of message fields to be carried as bytes. A message field and a bytes field with the same
 *   number are the same on the wire, so whoever only carries a message need not decode it.
 */
export function typesOf(
  files: readonly FileDescriptor[],
  opaque: ReadonlySet<string> = new Set(),
): protobuf.Root {
  const root = new protobuf.Root();
  for (const file of files) {
    const packageName = file.package ?? "";
    const namespace = packageName === "" ? root : root.define(packageName);
    const context: Context = { opaque, proto3: file.syntax === "proto3" || file.syntax === "editions" };
    for (const message of file.messageType ?? [])
      namespace.add(protobuf.Type.fromJSON(message.name, messageJson(message, packageName, context)));
    for (const declared of file.enumType ?? [])
      namespace.add(protobuf.Enum.fromJSON(declared.name, enumJson(declared)));
  }
  root.resolveAll();
  return root;
}

interface Context {
  readonly opaque: ReadonlySet<string>;
  readonly proto3: boolean;
}

function messageJson(message: MessageDescriptor, scope: string, context: Context): protobuf.IType {
  const name = joined(scope, message.name);
  const entries = new Map<string, MessageDescriptor>();
  const nested: Record<string, protobuf.AnyNestedObject> = {};
  for (const inner of message.nestedType ?? []) {
    if (inner.options?.mapEntry === true) entries.set(`.${joined(name, inner.name)}`, inner);
    else nested[inner.name] = messageJson(inner, name, context);
  }
  for (const inner of message.enumType ?? []) nested[inner.name] = enumJson(inner);

  const fields: Record<string, protobuf.IField | protobuf.IMapField> = {};
  const oneofs = (message.oneofDecl ?? []).map(({ name }) => ({
    name: fieldName(name),
    oneof: [] as string[],
  }));
  for (const field of message.field ?? []) {
    const key = fieldName(field.name);
    const entry = entries.get(field.typeName ?? "");
    fields[key] = entry ? mapFieldJson(field, entry, name) : fieldJson(field, name, context);
    if (Object.hasOwn(field, "oneofIndex")) oneofs[field.oneofIndex as number]?.oneof.push(key);
  }
  return {
    ...(context.proto3 ? { edition: "proto3" } : {}),
    fields,
    nested,
    oneofs: Object.fromEntries(oneofs.map(({ name, oneof }) => [name, { oneof }])),
  };
}

function fieldJson(field: FieldDescriptor, scope: string, context: Context): protobuf.IField {
  const opaque = context.opaque.has(joined(scope, field.name));
  const type = opaque ? "bytes" : typeNameOf(field, scope);
  const repeated = field.label === repeatedLabel;
  const packed = field.options?.packed ?? context.proto3;
  const options = {
    ...(repeated && !field.typeName?.length && !notPackable.has(type) ? { packed } : {}),
    ...(field.proto3Optional === true ? { proto3_optional: true } : {}),
  };
  return {
    type,
    id: field.number,
    ...(repeated ? { rule: "repeated" } : {}),
    ...(Object.keys(options).length > 0 ? { options } : {}),
  };
}

function mapFieldJson(field: FieldDescriptor, entry: MessageDescriptor, scope: string): protobuf.IMapField {
  const part = (number: number) => {
    const found = entry.field?.find((candidate) => candidate.number === number);
    if (!found) throw new Error(`${joined(scope, field.name)}: a map entry without field ${number}`);
    return typeNameOf(found, scope);
  };
  return { id: field.number, keyType: part(1), type: part(2) };
}

function typeNameOf(field: FieldDescriptor, scope: string): string {
  const name = joined(scope, field.name);
  if (field.type === groupType) throw new Error(`${name}: groups are not supported; use a message field`);
  const type = field.typeName ? field.typeName : scalarNames[field.type];
  if (!type) throw new Error(`${name}: expected a field type of descriptor.proto, found ${field.type}`);
  return type;
}

function enumJson(declared: EnumDescriptor): protobuf.IEnum {
  return { values: Object.fromEntries((declared.value ?? []).map(({ name, number }) => [name, number])) };
}

/** As the types that proto-loader generates spell it. */
export function fieldName(name: string): string {
  return protobuf.util.camelCase(name);
}

export function joined(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

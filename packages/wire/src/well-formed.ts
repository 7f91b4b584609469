import { isUtf8 } from "node:buffer";
import protobuf from "protobufjs";
import { asBuffer, Reading, wireType } from "./bytes.js";
import { maxDepth } from "./plain/nesting.js";
import { WireError } from "./wire-error.js";

/*
 * protobufjs reads on where a strict reader stops: it cuts a text short that claims to be longer than the message, lets
 * a field run past the message it is in, takes any wire type for a field, replaces bytes that are no UTF-8, and keeps
 * both members of a oneof. So bytes are checked against their type before protobufjs sees them.
 */

/** Decodes, or throws a `WireError`. Byte fields are views of `bytes`. */
export function decoded(type: protobuf.Type, bytes: Uint8Array, place: string): protobuf.Message {
  const buffer = asBuffer(bytes);
  checkWellFormed(type, buffer, place);
  try {
    return type.decode(buffer);
  } catch (error) {
    throw new WireError(place, "an encoded message", (error as Error).message);
  }
}

/**
 * Throws a `WireError` unless the bytes are a well-formed message of the type.
 * @param place the message, for errors
 */
function checkWellFormed(type: protobuf.Type, bytes: Buffer, place: string): void {
  message(new Reading(bytes, place), type, bytes.length, place, 0);
}

function message(from: Reading, type: protobuf.Type, limit: number, place: string, depth: number): void {
  if (depth > maxDepth) throw new WireError(place, `messages at most ${maxDepth} deep`, "deeper ones");
  const { fieldsById, oneofs } = type;
  let members: Map<protobuf.OneOf, string> | undefined;
  while (from.position < limit) {
    const tag = from.tag();
    const field = fieldsById[tag >>> 3];
    if (field === undefined) {
      from.skip(tag, limit);
      continue;
    }
    if (oneofs !== undefined && field.partOf) {
      members ??= new Map();
      oneMember(members, field, place);
    }
    value(from, field, tag & 7, limit, place, depth);
  }
  from.finish(limit);
}

function oneMember(members: Map<protobuf.OneOf, string>, field: protobuf.Field, place: string): void {
  const oneof = field.partOf as protobuf.OneOf;
  const other = members.get(oneof);
  if (other !== undefined && other !== field.name)
    throw new WireError(
      `${place}.${snake(oneof.name)}`,
      `at most one of ${oneof.oneof.map(snake).join(", ")}`,
      `${snake(other)} and ${snake(field.name)}`,
    );
  members.set(oneof, field.name);
}

function value(
  from: Reading,
  field: protobuf.Field,
  found: number,
  limit: number,
  place: string,
  depth: number,
): void {
  const expected = wireTypeOf(field);
  if (found !== expected) {
    const packed = field.repeated && found === wireType.bytes;
    if (!packed) throw from.malformed(`field ${snake(field.name)} with wire type ${found}`);
    const end = from.end(limit);
    while (from.position < end) from.skip(expected, end);
    from.finish(end);
    return;
  }
  if (expected !== wireType.bytes) {
    from.skip(expected, limit);
    return;
  }
  const end = from.end(limit);
  if (field instanceof protobuf.MapField)
    mapEntry(from, field, end, `${place}.${snake(field.name)}`, depth + 1);
  else content(from, field, end, place, depth);
}

/** Checks the contents of a field of bytes. */
function content(from: Reading, field: protobuf.FieldBase, end: number, place: string, depth: number): void {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type)
    message(from, resolvedType, end, `${place}.${snake(field.name)}`, depth + 1);
  else {
    if (field.type === "string") text(from, end, `${place}.${snake(field.name)}`);
    from.position = end;
  }
}

/** A map is a list of entries: field 1 is the key, field 2 the value. */
function mapEntry(
  from: Reading,
  field: protobuf.MapField,
  limit: number,
  place: string,
  depth: number,
): void {
  while (from.position < limit) {
    const tag = from.tag();
    const isKey = tag >>> 3 === 1;
    const expected = isKey ? basicWireType(field.keyType) : valueWireType(field);
    if (!isKey && tag >>> 3 !== 2) from.skip(tag, limit);
    else if ((tag & 7) !== expected)
      throw from.malformed(`a map entry of ${snake(field.name)} with wire type ${tag & 7}`);
    else if (expected !== wireType.bytes) from.skip(tag, limit);
    else {
      const end = from.end(limit);
      if (!isKey) content(from, field, end, place, depth);
      else text(from, end, place);
      from.position = end;
    }
  }
  from.finish(limit);
}

function text(from: Reading, end: number, place: string): void {
  const { buffer, position } = from;
  for (let index = position; index < end; index++) {
    if ((buffer[index] as number) < 0x80) continue;
    if (isUtf8(buffer.subarray(index, end))) return;
    throw new WireError(place, "UTF-8", "bytes that are not");
  }
}

const wireTypes = new WeakMap<protobuf.Field, number>();

function wireTypeOf(field: protobuf.Field): number {
  let found = wireTypes.get(field);
  if (found === undefined) {
    found = field instanceof protobuf.MapField ? wireType.bytes : valueWireType(field);
    wireTypes.set(field, found);
  }
  return found;
}

function valueWireType(field: protobuf.FieldBase): number {
  if (field.resolvedType instanceof protobuf.Enum) return wireType.varint;
  return field.resolvedType ? wireType.bytes : basicWireType(field.type);
}

function basicWireType(type: string): number {
  return (protobuf.types.basic as Readonly<Record<string, number>>)[type] ?? wireType.bytes;
}

/** Names of declared fields and oneofs only, so as many as the protos have. */
const protoNames = new Map<string, string>();

/** A generated field name as the proto spells it. Asked for with every message, for the error there might be. */
export function snake(field: string): string {
  let name = protoNames.get(field);
  if (name === undefined) {
    name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    protoNames.set(field, name);
  }
  return name;
}

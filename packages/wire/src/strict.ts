import protobuf from "protobufjs";
import { shown, WireError } from "./wire-error.js";

/*
 * protobufjs and proto-loader let much pass in an object to encode: text that is no number becomes 0, unknown fields
 * vanish, both members of a oneof are written, text given for bytes is taken for base64. In a replicated service each
 * of these is data lost in silence.
 */

/** Inclusive bounds. */
const integerBounds: Readonly<Record<string, readonly [bigint, bigint]>> = {
  ...Object.fromEntries(
    ["int32", "sint32", "sfixed32"].map((type) => [type, [-(2n ** 31n), 2n ** 31n - 1n]]),
  ),
  ...Object.fromEntries(["uint32", "fixed32"].map((type) => [type, [0n, 2n ** 32n - 1n]])),
  ...Object.fromEntries(
    ["int64", "sint64", "sfixed64"].map((type) => [type, [-(2n ** 63n), 2n ** 63n - 1n]]),
  ),
  ...Object.fromEntries(["uint64", "fixed64"].map((type) => [type, [0n, 2n ** 64n - 1n]])),
};
const loneSurrogate = /\p{Surrogate}/u;
const decimal = /^-?[0-9]{1,20}$/;

/** Throws a `WireError` unless the object fits the message type. */
export function checkObject(type: protobuf.Type, message: unknown, place: string): void {
  if (
    typeof message !== "object" ||
    message === null ||
    Array.isArray(message) ||
    message instanceof Uint8Array
  )
    throw new WireError(place, `an object with the fields of ${nameOf(type)}`, shown(message));
  const fields = type.fields;
  for (const [key, value] of Object.entries(message)) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field !== undefined) checkField(field, value, `${place}.${key}`);
    else if (!isOneof(type, key))
      throw new WireError(
        `${place}.${key}`,
        `a field of ${nameOf(type)} (${type.fieldsArray.map(({ name }) => name).join(", ") || "none"})`,
        "an unknown one",
      );
  }
  for (const field of type.fieldsArray)
    if (field.required && isUnset((message as Record<string, unknown>)[field.name]))
      throw new WireError(`${place}.${field.name}`, "a value, because the field is required", "nothing");
  atMostOneMember(type, (member) => !isUnset((message as Record<string, unknown>)[member]), place);
}

function isOneof(type: protobuf.Type, key: string): boolean {
  return type.oneofs !== undefined && Object.hasOwn(type.oneofs, key);
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null;
}

function atMostOneMember(type: protobuf.Type, isSet: (member: string) => boolean, place: string): void {
  for (const oneof of type.oneofsArray) {
    const set = oneof.oneof.filter(isSet);
    if (set.length > 1)
      throw new WireError(
        `${place}.${oneof.name}`,
        `at most one of ${oneof.oneof.join(", ")}`,
        set.join(" and "),
      );
  }
}

function checkField(field: protobuf.Field, value: unknown, place: string): void {
  if (isUnset(value)) return;
  if (field instanceof protobuf.MapField) {
    if (typeof value !== "object" || Array.isArray(value))
      throw new WireError(place, "an object (a map)", shown(value));
    for (const [key, each] of Object.entries(value as object)) {
      checkMapKey(field.keyType, key, place);
      checkSingle(field, each, `${place}[${JSON.stringify(key)}]`);
    }
  } else if (field.repeated) {
    if (!Array.isArray(value)) throw new WireError(place, "an array", shown(value));
    value.forEach((each, index) => {
      checkSingle(field, each, `${place}[${index}]`);
    });
  } else checkSingle(field, value, place);
}

function checkMapKey(type: string, key: string, place: string): void {
  if (type === "string") return;
  if (type === "bool") {
    if (key !== "true" && key !== "false") throw new WireError(place, "keys true and false", shown(key));
  } else checkInteger(type, key, `${place}[${JSON.stringify(key)}]`);
}

function checkSingle(field: protobuf.Field, value: unknown, place: string): void {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) checkObject(resolvedType, value, place);
  else if (resolvedType instanceof protobuf.Enum) checkEnum(resolvedType, value, place);
  else if (Object.hasOwn(integerBounds, field.type)) checkInteger(field.type, value, place);
  else checkScalar(field.type, value, place);
}

function checkEnum(type: protobuf.Enum, value: unknown, place: string): void {
  const known = typeof value === "string" ? Object.hasOwn(type.values, value) : Number.isInteger(value);
  if (!known) throw new WireError(place, `one of ${Object.keys(type.values).join(", ")}`, shown(value));
}

/** Within every integer type, so that the usual case needs no bigint. */
const mostEverywhere = 2 ** 31 - 1;

function checkInteger(type: string, value: unknown, place: string): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostEverywhere) return;
  const [least, most] = integerBounds[type] as readonly [bigint, bigint];
  const exact = exactInteger(value);
  if (exact === undefined || exact < least || exact > most)
    throw new WireError(
      place,
      `an integer from ${least} to ${most} (a number below 2^53 or a decimal string)`,
      shown(value),
    );
}

function exactInteger(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value === "string") return decimal.test(value) ? BigInt(value) : undefined;
  // A Long; its text is exact.
  if (typeof value === "object" && value !== null && "low" in value && "high" in value)
    return BigInt(String(value));
  return undefined;
}

function checkScalar(type: string, value: unknown, place: string): void {
  switch (type) {
    case "bytes":
      if (!(value instanceof Uint8Array)) throw new WireError(place, "a Buffer or Uint8Array", shown(value));
      break;
    case "string":
      if (typeof value !== "string") throw new WireError(place, "a string", shown(value));
      if (loneSurrogate.test(value)) throw new WireError(place, "well-formed text", "a lone surrogate");
      break;
    case "bool":
      if (typeof value !== "boolean") throw new WireError(place, "true or false", shown(value));
      break;
    default:
      if (typeof value !== "number") throw new WireError(place, "a number", shown(value));
  }
}

/**
 * protobufjs gives 64-bit keys of maps as eight raw characters; here they become decimal text, at any depth.
 * @param object what `type.toObject` made
 */
export function readableMapKeys(type: protobuf.Type, object: Record<string, unknown>): void {
  if (!hasLongKeys(type)) return;
  for (const field of type.fieldsArray) {
    const { name, resolvedType } = field;
    const value = object[name];
    if (isUnset(value)) continue;
    if (field instanceof protobuf.MapField && longKeys.has(field.keyType)) {
      const unsigned = field.keyType === "uint64" || field.keyType === "fixed64";
      object[name] = Object.fromEntries(
        Object.entries(value as object).map(([key, each]) => [
          String(protobuf.util.longFromHash(key, unsigned)),
          each,
        ]),
      );
    }
    if (!(resolvedType instanceof protobuf.Type)) continue;
    const held = field.repeated || field.map ? Object.values(object[name] as object) : [value];
    for (const each of held) readableMapKeys(resolvedType, each);
  }
}

const longKeys = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"]);
const typesWithLongKeys = new WeakMap<protobuf.Type, boolean>();

/** Whether a type, or one within it, has a map with 64-bit keys: others need no look. */
function hasLongKeys(type: protobuf.Type): boolean {
  const known = typesWithLongKeys.get(type);
  if (known !== undefined) return known;
  const seen = new Set<protobuf.Type>();
  const search = (each: protobuf.Type): boolean => {
    if (seen.has(each)) return false;
    seen.add(each);
    return each.fieldsArray.some(
      (field) =>
        (field instanceof protobuf.MapField && longKeys.has(field.keyType)) ||
        (field.resolvedType instanceof protobuf.Type && search(field.resolvedType)),
    );
  };
  const found = search(type);
  typesWithLongKeys.set(type, found);
  return found;
}

function nameOf(type: protobuf.Type): string {
  return type.fullName.replace(/^\./, "");
}

import { parseAddress } from "./address.js";
import { snake } from "./well-formed.js";
import { shown, WireError } from "./wire-error.js";

/** An integer as protobufjs decodes it: 32-bit ones as numbers, 64-bit ones as Longs. */
export type WireInteger = number | string | { readonly low: number; readonly high: number } | undefined;

export const maxIdLength = 64;
export const maxRequestBytes = 768 << 10;
export const maxBatchCommands = 16_384;
/** Of one role in one configuration. */
export const maxMembers = 100;
export const maxConfigurations = 1000;
export const maxServiceLength = 512;
const maxAddressLength = 512;
const maxTextLength = 4096;

const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const serviceName = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const methodName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** An integer below 2^53, and at least `least`. */
export function integer(value: WireInteger, field: string, least = 0): number {
  const number = numberOf(value);
  if (number >= least && number <= Number.MAX_SAFE_INTEGER) return number;
  throw new WireError(field, `an integer from ${least} to 2^53 - 1`, shown(value));
}

/** Above 2^53 inexact, which is why the caller refuses it. */
function numberOf(value: WireInteger): number {
  if (typeof value === "object") return (value.high >>> 0) * 2 ** 32 + (value.low >>> 0);
  return value === undefined ? 0 : Number(value);
}

/** Slots count from 1. */
export function slot(value: WireInteger, field: string): number {
  return integer(value, field, 1);
}

/** For encoding: an integer of the domain. A wrong one is a defect here, not the peer's, hence no `WireError`. */
export function checked(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${field}: expected an integer from 0 to 2^53 - 1 to encode, found ${value}`);
}

export function isName(text: string): boolean {
  return name.test(text);
}

/** The name of a member, store, session or cluster. */
export function id(value: string | undefined, field: string): string {
  if (value !== undefined && isName(value)) return value;
  throw new WireError(
    field,
    `a name (1 to ${maxIdLength} of A-Z a-z 0-9 . _ -, first a letter or digit)`,
    shown(value),
  );
}

export function optionalId(value: string | undefined, field: string): string {
  return value === undefined || value === "" ? "" : id(value, field);
}

export function service(value: string | undefined, field: string): string {
  if (value !== undefined && value.length <= maxServiceLength && serviceName.test(value)) return value;
  throw new WireError(
    field,
    `the full name of a service, at most ${maxServiceLength} characters`,
    shown(value),
  );
}

export function method(value: string | undefined, field: string): string {
  if (value !== undefined && value.length <= maxServiceLength && methodName.test(value)) return value;
  throw new WireError(field, `the name of a method, at most ${maxServiceLength} characters`, shown(value));
}

export function hostAndPort(value: string | undefined, field: string): string {
  if (value !== undefined && value.length <= maxAddressLength && parseAddress(value, 0) !== undefined)
    return value;
  throw new WireError(field, "host:port", shown(value));
}

/** Words for a person. */
export function text(value: string | undefined, field: string): string {
  if ((value ?? "").length <= maxTextLength) return value ?? "";
  throw new WireError(field, `at most ${maxTextLength} characters`, shown(value));
}

export function bytes(value: Uint8Array | string | undefined, field: string, most: number): Uint8Array {
  if (!(value instanceof Uint8Array)) return Buffer.alloc(0);
  if (value.length <= most) return value;
  throw new WireError(field, `at most ${most} bytes`, shown(value));
}

/** A message field that must be there. */
export function present<T>(value: T | null | undefined, field: string): T {
  if (value !== null && value !== undefined) return value;
  throw new WireError(field, "a message", "nothing");
}

export function list<T, D>(
  values: readonly T[] | undefined,
  field: string,
  most: number,
  decode: (value: T, field: string) => D,
): D[] {
  if (values === undefined) return [];
  if (values.length > most) throw new WireError(field, `at most ${most}`, shown(values));
  return values.map((value, index) => decode(value, `${field}[${index}]`));
}

/** The member of a oneof that is set. (Two on the wire are refused when the message is decoded.) */
export function oneMember<K extends string>(message: object, members: readonly K[], field: string): K {
  const found = members.find((member) => Object.hasOwn(message, member));
  if (found !== undefined) return found;
  throw new WireError(field, `one of ${members.map(snake).join(", ")}`, "none of them");
}

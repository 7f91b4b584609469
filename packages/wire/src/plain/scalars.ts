import { types } from "node:util";
import { wireType } from "../bytes.js";
import { shown, WireError } from "../wire-error.js";
import type { Input, Integer } from "./input.js";
import type { Output } from "./output.js";
import type { ScalarName } from "./scalar-names.js";

/** The checks, the writer and the reader for values of one scalar type. `T`: the type that is written. */
export interface Scalar<T = unknown> {
  readonly wireType: number;
  readonly zero: T;
  /**
   * The value of an object as it is written: of two that read the same, the same. Throws a `WireError` whose place is
   * relative to the value.
   */
  check(value: unknown): T;
  write(output: Output, value: T): void;
  /** @param place of the field, for errors */
  read(input: Input, limit: number, place: string): T;
  /** As objects have it: 64-bit integers as decimal text. */
  plain(value: T): unknown;
}

const same = (value: unknown) => value;

/** Within every integer type, so that the usual case needs no bigint. */
const mostEverywhere = 2 ** 31 - 1;
const decimal = /^-?[0-9]{1,20}$/;
/** Texts up to here are exact as numbers. */
const exactDigits = 15;
const loneSurrogate = /\p{Surrogate}/u;

function isWellFormed(text: string): boolean {
  const { length } = text;
  if (length > shortText) return !loneSurrogate.test(text);
  for (let index = 0; index < length; index++)
    if (text.charCodeAt(index) >= 0xd800) return !loneSurrogate.test(text);
  return true;
}
const shortText = 64;

function refused(expected: string, value: unknown): WireError {
  return new WireError("", expected, shown(value));
}

function exactInteger(value: unknown): Integer | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value === "string") {
    if (!decimal.test(value)) return undefined;
    return value.length <= exactDigits ? Number(value) : BigInt(value);
  }
  return undefined;
}

/** Integers of a type. Bounds are inclusive. */
function checkInteger(least: bigint, most: bigint): (value: unknown) => Integer {
  return (value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostEverywhere)
      // Not -0, which is no integer of protobuf's.
      return value + 0;
    const exact = exactInteger(value);
    if (exact === undefined || exact < least || exact > most)
      throw refused(`an integer from ${least} to ${most} (a number below 2^53 or a decimal string)`, value);
    // Numbers where they are exact, so that equal values are equal.
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number + 0 : BigInt(exact);
  };
}

function integer32(
  signed: boolean,
  type: number,
  write: (output: Output, value: number) => void,
  read: (input: Input) => number,
): Scalar<number> {
  const check = signed ? checkInteger(-(2n ** 31n), 2n ** 31n - 1n) : checkInteger(0n, 2n ** 32n - 1n);
  return { wireType: type, zero: 0, check: check as (value: unknown) => number, write, read, plain: same };
}

function integer64(
  signed: boolean,
  type: number,
  write: (output: Output, value: Integer) => void,
  read: (input: Input) => Integer,
): Scalar<Integer> {
  const check = signed ? checkInteger(-(2n ** 63n), 2n ** 63n - 1n) : checkInteger(0n, 2n ** 64n - 1n);
  return { wireType: type, zero: 0, check, write, read, plain: String };
}

function checkNumber(value: unknown): number {
  if (typeof value !== "number") throw refused("a number", value);
  return value;
}

const { varint, fixed32, fixed64, bytes: delimited } = wireType;

export const scalars: { readonly [Name in ScalarName]: Scalar } = {
  int32: integer32(
    true,
    varint,
    (out, value) => out.varint64(value),
    (from) => from.int32(),
  ),
  uint32: integer32(
    false,
    varint,
    (out, value) => out.varint(value),
    (from) => from.int32() >>> 0,
  ),
  sint32: integer32(
    true,
    varint,
    (out, value) => out.zigzag32(value),
    (from) => unzigzagged(from.int32()),
  ),
  fixed32: integer32(
    false,
    fixed32,
    (out, value) => out.fixed32(value),
    (from) => from.fixed32() >>> 0,
  ),
  sfixed32: integer32(
    true,
    fixed32,
    (out, value) => out.fixed32(value),
    (from) => from.fixed32(),
  ),
  int64: integer64(
    true,
    varint,
    (out, value) => out.varint64(value),
    (from) => from.int64(),
  ),
  uint64: integer64(
    false,
    varint,
    (out, value) => out.varint64(value),
    (from) => from.uint64(),
  ),
  sint64: integer64(
    true,
    varint,
    (out, value) => out.zigzag64(value),
    (from) => from.sint64(),
  ),
  fixed64: integer64(
    false,
    fixed64,
    (out, value) => out.fixed64(value),
    (from) => from.fixed64(),
  ),
  sfixed64: integer64(
    true,
    fixed64,
    (out, value) => out.fixed64(value),
    (from) => from.sfixed64(),
  ),
  float: {
    wireType: fixed32,
    zero: 0,
    // What is too small or too large for 32 bits is what it will be read as.
    check: (value: unknown) => Math.fround(checkNumber(value)),
    write: (out: Output, value: number) => out.float(value),
    read: (from: Input) => from.float(),
    plain: same,
  },
  double: {
    wireType: fixed64,
    zero: 0,
    check: checkNumber,
    write: (out: Output, value: number) => out.double(value),
    read: (from: Input) => from.double(),
    plain: same,
  },
  bool: {
    wireType: varint,
    zero: false,
    check: (value: unknown) => {
      if (typeof value !== "boolean") throw refused("true or false", value);
      return value;
    },
    write: (out: Output, value: boolean) => out.varint(value ? 1 : 0),
    read: (from: Input) => from.bool(),
    plain: same,
  },
  string: {
    wireType: delimited,
    zero: "",
    check: (value: unknown) => {
      if (typeof value !== "string") throw refused("a string", value);
      if (!isWellFormed(value)) throw new WireError("", "well-formed text", "a lone surrogate");
      return value;
    },
    write: (out: Output, value: string) => out.text(value),
    read: (from: Input, limit: number, place: string) => from.text(limit, place),
    plain: same,
  },
  bytes: {
    wireType: delimited,
    zero: Buffer.alloc(0),
    check: (value: unknown) => {
      if (!types.isUint8Array(value)) throw refused("a Buffer or Uint8Array", value);
      return value;
    },
    write: (out: Output, value: Uint8Array) => out.bytes(value),
    read: (from: Input, limit: number) => from.bytes(limit),
    plain: same,
  },
};

function unzigzagged(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

/** True when a checked value is the default and need not be written. -0 is another number than 0. */
export function isSame(value: unknown, other: unknown): boolean {
  if (Object.is(value, other)) return true;
  return types.isUint8Array(value) && types.isUint8Array(other) && Buffer.compare(value, other) === 0;
}

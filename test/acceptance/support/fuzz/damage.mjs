// The kinds of bytes that are sent: messages as they should be, strange ones, and what is left of a message once it has
// been cut, bent or drowned.

import { pick } from "../flags.mjs";
import { delimited, nested, noise, tag, varint, wireType } from "./bytes.mjs";

/**
 * @typedef {{ draw: () => number, messages: import("./messages.mjs").Messages, served: import("./rpcs.mjs").Served }} Source
 * @typedef {(source: Source, type: string) => Buffer} Kind
 */

const fewBytes = 64 << 10;
const manyBytes = 1 << 20;
/** Of one gRPC message. */
const beyondLimit = (4 << 20) + 1;

/** @param {Source} source @param {string} type */
const sensible = ({ messages }, type) => messages.of(type, 0);

/** Any position in some bytes, their end included. @param {Source} source @param {Buffer} bytes */
const position = ({ draw }, bytes) => Math.floor(draw() * (bytes.length + 1));

/** Puts something anywhere into a message. @param {Source} source @param {string} type @param {Buffer} part */
function inserted(source, type, part) {
  const bytes = sensible(source, type);
  const at = position(source, bytes);
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}

/** Field numbers: those of the type and some that it does not have. @param {Source} source @param {string} type */
function someField({ draw, served }, type) {
  const known = (served.types.get(type)?.fields ?? []).map(({ number }) => number);
  return pick(draw, [...known, ...known, 15, 16, 2 ** 29 - 1]);
}

/** @type {Record<string, Kind>} */
export const kinds = {
  sensible,
  strange: ({ messages }, type) => messages.of(type, 0.05),
  wild: ({ messages }, type) => messages.of(type, 0.3),
  nonsense: ({ messages }, type) => messages.of(type, 1),
  empty: () => Buffer.alloc(0),
  cut: (source, type) => {
    const bytes = source.messages.of(type, 0.02);
    return bytes.subarray(0, position(source, bytes));
  },
  flipped: (source, type) => {
    const bytes = Buffer.from(sensible(source, type));
    for (let flips = Math.ceil(source.draw() * 4); flips > 0 && bytes.length > 0; flips--) {
      const at = Math.floor(source.draw() * bytes.length);
      bytes[at] = Number(bytes[at]) ^ (1 << Math.floor(source.draw() * 8));
    }
    return bytes;
  },
  spliced: (source, type) => {
    const [one, other] = [sensible(source, type), source.messages.of(type, 0.1)];
    return Buffer.concat([one.subarray(0, position(source, one)), other.subarray(position(source, other))]);
  },
  twice: (source, type) => Buffer.concat([sensible(source, type), sensible(source, type)]),
  unknownField: (source, type) => {
    const number = pick(source.draw, [100, 1_000, 19_000, 2 ** 29 - 1]);
    return Buffer.concat([sensible(source, type), delimited(number, noise(source.draw, 20))]);
  },
  wrongType: (source, type) => {
    const wrong = tag(someField(source, type), Math.floor(source.draw() * 8));
    return Buffer.concat([sensible(source, type), wrong, noise(source.draw, 9)]);
  },
  endlessInteger: (source, type) => inserted(source, type, Buffer.alloc(11, 0xff)),
  wrongLength: (source, type) => {
    const length = pick(source.draw, [1n, 127n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n]);
    const head = Buffer.concat([tag(someField(source, type), wireType.bytes), varint(length)]);
    return inserted(source, type, head);
  },
  deep: (source, type) => nested(someField(source, type), pick(source.draw, [5, 99, 102, 5_000])),
  repeated: (source, type) => {
    const fields = source.served.types.get(type)?.fields ?? [];
    if (fields.length === 0) return Buffer.alloc(0);
    const field = source.messages.field(pick(source.draw, fields), 0);
    const bytes = pick(source.draw, [fewBytes, fewBytes, fewBytes, manyBytes]);
    return Buffer.concat(Array.from({ length: Math.floor(bytes / field.length) }, () => field));
  },
  long: (source, type) =>
    delimited(someField(source, type), Buffer.alloc(pick(source.draw, [fewBytes, manyBytes]), 0x61)),
  oversized: (source, type) => delimited(someField(source, type), Buffer.alloc(beyondLimit, 0x61)),
  noise: ({ draw }) => noise(draw, Math.floor(draw() ** 2 * 400)),
};

/** Kinds that cost much more than others come less often. @type {Record<string, number>} */
const weights = { sensible: 4, strange: 4, wild: 2, oversized: 0.1, long: 0.3, repeated: 0.5, deep: 0.7 };
const total = Object.keys(kinds).reduce((sum, kind) => sum + (weights[kind] ?? 1), 0);

/** @param {() => number} draw */
export function anyKind(draw) {
  let left = draw() * total;
  for (const kind of Object.keys(kinds)) {
    left -= weights[kind] ?? 1;
    if (left < 0) return kind;
  }
  return "noise";
}

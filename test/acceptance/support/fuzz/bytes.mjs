// The protobuf wire format, written by hand: what a library writes is well-formed, and here much must not be.

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

/** Any integer, negative ones in two's complement, as on the wire. @param {bigint} value */
export function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** @param {number} number @param {number} type */
export function tag(number, type) {
  return varint((BigInt(number) << 3n) | BigInt(type));
}

/** @param {bigint} value @param {4 | 8} width in bytes */
export function fixed(value, width) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, width);
}

/** @param {number} number @param {Buffer} content */
export function delimited(number, content) {
  return Buffer.concat([tag(number, wireType.bytes), varint(BigInt(content.length)), content]);
}

/** Messages within messages, each in field `number` of the next. @param {number} number @param {number} depth */
export function nested(number, depth) {
  /** @type {Buffer[]} from the innermost outwards */
  const heads = [];
  for (let length = 0; heads.length < depth; ) {
    const head = Buffer.concat([tag(number, wireType.bytes), varint(BigInt(length))]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat(heads.reverse());
}

/** @param {() => number} draw @param {number} length */
export function noise(draw, length) {
  return Buffer.from(Array.from({ length }, () => Math.floor(draw() * 256)));
}

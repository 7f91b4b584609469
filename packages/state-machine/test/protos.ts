/*
 * Descriptor sets of small protos, written by hand: a test of two builds of a service needs two versions of its protos.
 */

const types: Readonly<Record<string, number>> = { double: 1, int64: 3, bool: 8, string: 9 };

/** Fields by name: the number, and the type, or the name of a message of the same file. */
type Fields = Readonly<Record<string, readonly [number: number, type: string]>>;

export interface Proto {
  readonly package: string;
  readonly messages: Readonly<Record<string, Fields>>;
  readonly service: string;
  /** Request and response of each method; those of queries are marked as such. */
  readonly methods: Readonly<Record<string, readonly [request: string, response: string, kind?: "query"]>>;
}

/** A google.protobuf.FileDescriptorSet. */
export function descriptorSetOf(proto: Proto): Uint8Array {
  const full = (name: string) => text(`.${proto.package}.${name}`);
  const messages = Object.entries(proto.messages).map(([name, fields]) =>
    nested(
      4,
      bytes(1, text(name)),
      ...Object.entries(fields).map(([field, [number, type]]) =>
        nested(
          2,
          bytes(1, text(field)),
          integer(3, number),
          integer(4, 1),
          integer(5, types[type] ?? 11),
          ...(type in types ? [] : [bytes(6, full(type))]),
        ),
      ),
    ),
  );
  const methods = Object.entries(proto.methods).map(([name, [request, response, kind]]) =>
    nested(
      2,
      bytes(1, text(name)),
      bytes(2, full(request)),
      bytes(3, full(response)),
      ...(kind === "query" ? [nested(4, integer(34, 1))] : []),
    ),
  );
  return nested(
    1,
    bytes(1, text("test.proto")),
    bytes(2, text(proto.package)),
    ...messages,
    nested(6, bytes(1, text(proto.service)), ...methods),
    bytes(12, text("proto3")),
  );
}

function text(value: string): Uint8Array {
  return Buffer.from(value);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function integer(field: number, value: number): Uint8Array {
  return Buffer.from([...varint(field << 3), ...varint(value)]);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(value.length)]), value]);
}

function nested(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return bytes(field, Buffer.concat(parts));
}

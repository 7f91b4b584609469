import { wireType } from "../bytes.js";
import { shown, WireError } from "../wire-error.js";
import { Input } from "./input.js";
import { Output } from "./output.js";

/*
 * A build that knows less than the one that wrote a message keeps what it does not know, so that both write the same
 * bytes. The fields travel in the object, under a symbol: `{ ...row, count }` copies it, and JSON, Object.keys and the
 * generated types do not see it. They are one text, because a text is of no realm and nobody can change it: the full name
 * of the message, a zero character, and the encoded fields in order of their numbers, one character for each byte.
 */

/** Where a decoded object has the fields that its message does not declare. The same symbol in every realm. */
export const unknownFieldsKey = "synod.unknownFields";
export const unknownFields: unique symbol = Symbol.for(unknownFieldsKey) as never;

/** One field, with its tag. */
export interface UnknownField {
  readonly number: number;
  /** One character for each byte. */
  readonly encoded: string;
}

const output = new Output();

/** Reads a field of any number behind its tag. Its integers are written anew, because some have several encodings. */
export function readUnknown(input: Input, tag: number, limit: number): UnknownField {
  const encoded = output.written(() => {
    output.varint(tag);
    switch (tag & 7) {
      case wireType.varint:
        output.varint64(input.varintBits());
        break;
      case wireType.bytes:
        output.bytes(input.bytes(limit));
        break;
      default: {
        const start = input.position;
        input.skip(tag, limit);
        output.raw(input.buffer.toString("latin1", start, input.position));
      }
    }
  });
  return { number: tag >>> 3, encoded: encoded.toString("latin1") };
}

/** What the object has under the symbol. Several fields of one number keep their order. */
export function unknownText(message: string, fields: readonly UnknownField[]): string {
  const sorted = fields.toSorted((a, b) => a.number - b.number);
  return `${message}\0${sorted.map(({ encoded }) => encoded).join("")}`;
}

/** The fields under the symbol. Throws a `WireError` unless they are of this message. */
export function unknownOf(message: string, value: unknown): readonly UnknownField[] {
  const text = typeof value === "string" ? value : "";
  const end = text.indexOf("\0");
  const owner = text.slice(0, Math.max(0, end));
  if (end < 0)
    throw new WireError(
      "",
      `nothing, or what was decoded, under the symbol ${unknownFieldsKey}`,
      shown(value),
    );
  if (owner !== message)
    throw new WireError(
      "",
      `an object with the fields of ${message}`,
      `one copied from a ${owner} with fields that this build does not know; copy the fields that are meant, by name`,
    );
  const input = new Input(Buffer.from(text.slice(end + 1), "latin1"));
  const fields: UnknownField[] = [];
  const limit = input.buffer.length;
  while (input.position < limit) fields.push(readUnknown(input, input.varint(), limit));
  input.finish(limit);
  return fields;
}

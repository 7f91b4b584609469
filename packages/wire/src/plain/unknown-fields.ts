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

/** The key under which a decoded object has the fields that its message does not declare. The same symbol in every realm. */
export const unknownFieldsKey = "synod.unknownFields";

/** Encoded fields that stand one behind the other, in order of their numbers. */
interface Run {
  readonly first: number;
  last: number;
  readonly input: Input;
  readonly start: number;
  end: number;
}

/** Collects the unknown fields of one message. Fields that come one after the other are kept together, as a sender may send many. */
export class UnknownFields {
  readonly #runs: Run[] = [];

  /**
   * Reads a field of any number. Integers in it are written anew if they have needless bytes: one value then has one
   * encoding.
   * @param start where its tag begins; the input stands behind it
   */
  read(input: Input, start: number, tag: number, limit: number): void {
    const number = tag >>> 3;
    const behindTag = input.position;
    const content = skipped(input, tag, limit);
    const end = input.position;
    if (!isShortest(input, start, behindTag) || !isShortest(input, behindTag, content)) {
      input.position = behindTag;
      this.#add(number, new Input(rewritten(input, tag, limit)));
      return;
    }
    const run = this.#runs.at(-1);
    if (run === undefined || run.input !== input || run.end !== start || run.last > number)
      this.#add(number, input, start, end);
    else {
      run.end = end;
      run.last = number;
    }
  }

  /** The fields that the object has under the symbol. Several fields of one number keep their order. */
  text(message: string): string {
    const runs = this.#runs;
    const sorted = runs.every(({ first }, index) => index === 0 || first >= (runs[index - 1] as Run).last);
    const ordered = sorted ? runs : runs.flatMap(fieldsOf).sort((a, b) => a.first - b.first);
    return `${message}\0${ordered.map(textOf).join("")}`;
  }

  #add(number: number, input: Input, start = 0, end = input.buffer.length): void {
    this.#runs.push({ first: number, last: number, input, start, end });
  }
}

function textOf({ input, start, end }: Run): string {
  return input.buffer.toString("latin1", start, end);
}

function fieldsOf({ input, start, end }: Run): Run[] {
  const position = input.position;
  const fields: Run[] = [];
  input.position = start;
  while (input.position < end) {
    const from = input.position;
    const tag = input.tag();
    input.skip(tag, end);
    fields.push({ first: tag >>> 3, last: tag >>> 3, input, start: from, end: input.position });
  }
  input.position = position;
  return fields;
}

/** Skips a value. Returns where the integer ends that is the value, or its length; where the value begins, if it has none. */
function skipped(input: Input, tag: number, limit: number): number {
  const start = input.position;
  if ((tag & 7) !== wireType.bytes) {
    input.skip(tag, limit);
    return (tag & 7) === wireType.varint ? input.position : start;
  }
  const end = input.end(limit);
  const content = input.position;
  input.position = end;
  return content;
}

const longestVarint = 10;

/** True when an integer has neither needless bytes nor needless bits, or when there is none. */
function isShortest({ buffer }: Input, start: number, end: number): boolean {
  const last = buffer[end - 1] as number;
  return end - start < 2 || (last !== 0 && (end - start < longestVarint || last === 1));
}

const output = new Output();

function rewritten(input: Input, tag: number, limit: number): Buffer {
  return output.written(() => {
    output.varint(tag);
    if ((tag & 7) === wireType.varint) output.varint64(input.varintBits());
    else if ((tag & 7) === wireType.bytes) output.bytes(input.bytes(limit));
    else {
      const start = input.position;
      input.skip(tag, limit);
      output.raw(input.buffer, start, input.position);
    }
  });
}

/** Writes the fields that an object has under the symbol among those that its message declares. */
export class UnknownWriting {
  readonly #input: Input;
  readonly #limit: number;
  /** Of the next field; behind the last, its number is beyond all. */
  #start = 0;
  #tag = 0;
  #number = 0;

  /** Throws a `WireError` unless they are of this message. */
  constructor(message: string, value: unknown) {
    const text = typeof value === "string" ? value : "";
    const end = text.indexOf("\0");
    if (end < 0)
      throw new WireError(
        "",
        `nothing, or what was decoded, under the symbol ${unknownFieldsKey}`,
        shown(value),
      );
    const owner = text.slice(0, end);
    if (owner !== message)
      throw new WireError(
        "",
        `an object with the fields of ${message}`,
        `one copied from a ${owner} with fields that this build does not know; copy the fields that are meant, by name`,
      );
    this.#input = new Input(Buffer.from(text.slice(end + 1), "latin1"));
    this.#limit = this.#input.buffer.length;
    this.#look();
  }

  /** Writes those with a number below this one that were not written yet. */
  before(number: number, into: Output): void {
    if (this.#number >= number) return;
    const from = this.#start;
    while (this.#number < number) {
      this.#input.skip(this.#tag, this.#limit);
      this.#look();
    }
    into.raw(this.#input.buffer, from, this.#start);
  }

  #look(): void {
    const input = this.#input;
    this.#start = input.position;
    if (input.position >= this.#limit) {
      input.finish(this.#limit);
      this.#number = Number.POSITIVE_INFINITY;
      return;
    }
    this.#tag = input.tag();
    this.#number = this.#tag >>> 3;
  }
}

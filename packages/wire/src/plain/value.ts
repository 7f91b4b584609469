import type { Input } from "./input.js";
import type { Output } from "./output.js";
import type { UnknownFields } from "./unknown-fields.js";

/** One value of a field, of a list or of a map: how it is checked, written and read. */
export interface Value {
  readonly wireType: number;
  /** The default of the field, as an object has it. Made anew each time where it could be changed. */
  absent(): unknown;
  /** As it is written. Throws a `WireError` whose place is relative to the value. */
  check(value: unknown): unknown;
  /** True for a checked value that is the field's default. */
  isDefault(checked: unknown): boolean;
  /** @param checked what `check` returned */
  write(output: Output, checked: unknown, depth: number): void;
  read(input: Input, limit: number, place: string, depth: number): unknown;
  /** Of messages. */
  readonly reader: PartReader | undefined;
}

/** A message as far as it was read: a value for each field that came, in order of numbers. */
export interface Unfinished {
  /** At the end, once the message is whole, the texts that objects have under symbols. */
  readonly values: unknown[];
  unknown: UnknownFields | undefined;
}

/** Reads a message of one type, which may come in several parts. */
export interface PartReader {
  begin(): Unfinished;
  read(input: Input, limit: number, into: Unfinished, depth: number): void;
  finish(read: Unfinished): object;
}

/** Writes a message of one type. */
export interface PartWriter {
  write(output: Output, message: unknown, depth: number): void;
}

/** Reader and writer of one message type. */
export interface MessageCoder {
  readonly reader: PartReader;
  readonly writer: PartWriter;
}

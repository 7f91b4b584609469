import type { FileDescriptor } from "../message-types.js";
import { WireError } from "../wire-error.js";
import { Input } from "./input.js";
import { assembler, readsAsDefault, takingApart } from "./objects.js";
import { Output } from "./output.js";
import { MessageReader } from "./reader.js";
import { type Evaluate, type RealmValues, realmValues } from "./realm-values.js";
import { refusedMessages } from "./refusals.js";
import { Shapes } from "./shapes.js";
import { Values } from "./values.js";
import { MessageWriter } from "./writer.js";

/** A message as a plain object, the shape of its generated type: 64-bit integers as decimal strings, bytes as Buffers. */
export type PlainMessage = { [field: string]: unknown };

/** A message type on plain objects. */
export interface PlainCodec {
  /** Throws a `WireError` that names the message. */
  decode(bytes: Uint8Array): PlainMessage;
  /**
   * The canonical bytes of an object: any two that decode to the same object are the same. Throws a `WireError` that names
   * the field when the object does not fit the message: an unknown field, an integer out of range, two members of a oneof,
   * text for bytes. Fields left out have their default.
   */
  encode(message: PlainMessage): Uint8Array;
}

/** Reader and writer of one message type, made when it is first needed. */
interface OwnCoder {
  readonly reader: MessageReader;
  readonly writer: MessageWriter;
}

const output = new Output();

/** Codecs of all messages of a descriptor set. */
export class PlainMessages {
  readonly #shapes: Shapes;
  readonly #realm: RealmValues;
  readonly #values: Values;
  readonly #coders = new Map<string, OwnCoder>();
  readonly #codecs = new Map<string, PlainCodec>();

  /** Throws an Error that names everything that is not supported. */
  constructor(files: readonly FileDescriptor[], evaluate: Evaluate | undefined) {
    const refused = refusedMessages(files);
    if (refused.length > 0)
      throw new Error(`the protos use what replicated services cannot:\n  ${refused.join("\n  ")}`);
    this.#shapes = new Shapes(files);
    this.#realm = realmValues(evaluate);
    this.#values = new Values(this.#shapes, this.#realm, (name) => this.#coder(name));
  }

  /** Throws an Error when there is no message of this full name. */
  codec(fullName: string): PlainCodec {
    let codec = this.#codecs.get(fullName);
    if (codec === undefined) {
      codec = this.#codecOf(fullName, this.#coder(fullName));
      this.#codecs.set(fullName, codec);
    }
    return codec;
  }

  #codecOf(name: string, { reader, writer }: OwnCoder): PlainCodec {
    const refused = (error: unknown) =>
      error instanceof WireError ? this.#realm.error(error.beneath(name)) : error;
    return {
      decode: (bytes) => {
        try {
          return reader.decode(new Input(bytes)) as PlainMessage;
        } catch (error) {
          throw refused(error);
        }
      },
      encode: (message) => {
        try {
          return output.written(() => writer.write(output, message, 0));
        } catch (error) {
          throw refused(error);
        }
      },
    };
  }

  #coder(name: string): OwnCoder {
    const known = this.#coders.get(name);
    if (known !== undefined) return known;
    const shape = this.#shapes.message(name);
    const absent = shape.fields.map((field) =>
      readsAsDefault(field) ? this.#values.of(field).absent : undefined,
    );
    const reader = new MessageReader(shape, this.#realm, assembler(shape, absent, this.#realm));
    const writer = new MessageWriter(shape, takingApart(shape, this.#realm));
    const coder = { reader, writer };
    this.#coders.set(name, coder);
    reader.connect(this.#values);
    writer.connect(this.#values);
    return coder;
  }
}

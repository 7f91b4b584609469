import type { MessageType } from "./descriptors.js";

/** One message of the domain ↔ its bytes. `decode` throws `WireError`. Bytes in the result are views of its argument. */
export interface Codec<Domain> {
  encode(message: Domain): Uint8Array;
  decode(bytes: Uint8Array): Domain;
}

/** One message of the domain ↔ its generated type. */
export interface Mapping<Domain, Wire> {
  toWire(message: Domain): Wire;
  /**
   * Throws `WireError`; a message that is not there is one of the things not valid.
   * @param field where the message stands, for errors
   */
  fromWire(message: Wire | null | undefined, field: string): Domain;
}

/** A codec for bytes that are kept, and not sent: `headBytes` are left free in front of them, which are the caller's to fill. */
export interface StoredCodec<Domain> {
  encode(message: Domain, headBytes: number): Uint8Array;
  decode(bytes: Uint8Array): Domain;
}

export function storedCodec<Domain, Wire>(
  type: MessageType<Wire>,
  mapping: Mapping<Domain, Wire>,
): StoredCodec<Domain> {
  return {
    encode: (message, headBytes) => type.encode(mapping.toWire(message), headBytes),
    decode: (bytes) => mapping.fromWire(type.decode(bytes), type.name),
  };
}

export function codec<Domain, Wire>(type: MessageType<Wire>, mapping: Mapping<Domain, Wire>): Codec<Domain> {
  return {
    encode: (message) => type.encode(mapping.toWire(message)),
    decode: (bytes) => mapping.fromWire(type.decode(bytes), type.name),
  };
}

/**
 * Remembers the bytes of each message object, so that one sent to several peers, or again, is encoded once. Messages
 * are never changed once made.
 */
export function encodedOnce<Domain extends object>(inner: Codec<Domain>): Codec<Domain> {
  const known = new WeakMap<Domain, Uint8Array>();
  return {
    encode: (message) => {
      let bytes = known.get(message);
      if (bytes === undefined) {
        bytes = inner.encode(message);
        known.set(message, bytes);
      }
      return bytes;
    },
    decode: inner.decode,
  };
}

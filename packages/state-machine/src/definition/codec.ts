/*
 * The port to protobuf, implemented over descriptor sets by @synod/wire (`loadServices`). Messages are plain objects:
 * 64-bit integers as decimal strings, bytes as Uint8Array, the member of a oneof named by a property of its name.
 */

/** Bytes of one message type. Decoding may throw, whatever it likes; it is the same on every replica. */
export interface MessageCodec {
  decode(bytes: Uint8Array): unknown;
  encode(message: unknown): Uint8Array;
}

/** The codecs of a method's messages. */
export interface MethodCodec {
  decodeRequest(bytes: Uint8Array): unknown;
  encodeResponse(response: unknown): Uint8Array;
  encodeRequest?(request: unknown): Uint8Array;
  decodeResponse?(bytes: Uint8Array): unknown;
}

/** A method as its proto declares it. */
export interface DescribedMethod extends Required<MethodCodec> {
  readonly name: string;
  /** The reason why a service with this method cannot be replicated; undefined when it can. */
  readonly refused: string | undefined;
  readonly responseStream: boolean;
  readonly idempotency: "unknown" | "no-side-effects" | "idempotent";
}

export interface DescribedService {
  readonly name: string;
  readonly methods: ReadonlyMap<string, DescribedMethod>;
}

/** The contents of a descriptor set. */
export interface Descriptions {
  /** By full name. */
  readonly services: ReadonlyMap<string, DescribedService>;
  /** Throws when the set has no message of this full name. */
  message(fullName: string): MessageCodec;
}

/**
 * Evaluates a JavaScript expression in the realm where handlers run and returns its value. What a codec hands to handlers
 * is made by functions that it got from here, so that nothing leads a handler out of its realm.
 */
export type Evaluate = (expression: string) => unknown;

/**
 * Reads a google.protobuf.FileDescriptorSet that has all imports.
 * @param evaluate of the realm whose objects messages are decoded to; the process's own realm when absent
 */
export type DescriptorLoader = (descriptorSet: Uint8Array, evaluate?: Evaluate) => Descriptions;

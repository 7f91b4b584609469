import protobuf from "protobufjs";
import { descriptorSetBase64 } from "./gen/descriptors.js";
import { filesOf, typesOf } from "./message-types.js";
import { decoded } from "./well-formed.js";

/** A google.protobuf.FileDescriptorSet of Synod's own services and the built-in replicated ones: what reflection shows. */
export const descriptorSet: Uint8Array = Buffer.from(descriptorSetBase64, "base64");

const files = filesOf(descriptorSet);

/**
 * The messages as every role sees them: the batch of a value is carried and never decoded on the way. Replicas decode it,
 * to execute it, with `decodeBatch`.
 */
export const carrierTypes: protobuf.Root = typesOf(files, new Set(["synod.v1.Value.batch"]));

/** A message type with its generated type: encodes and decodes without checking more than the wire format. */
export interface MessageType<Wire> {
  /** The short name, for messages about it. */
  readonly name: string;
  /** @param headBytes left free in front, for the caller to fill */
  encode(message: Wire, headBytes?: number): Buffer;
  /**
   * Fields not on the wire read as their default. 64-bit integers are Longs. Byte fields are views of `bytes`.
   * Throws `WireError` when the bytes are no such message.
   */
  decode(bytes: Uint8Array): Wire;
}

/** Only the codec of a message names its generated type. */
export function messageType<Wire extends object>(fullName: string, types = carrierTypes): MessageType<Wire> {
  const type = types.lookupType(fullName);
  return {
    name: type.name,
    encode: (message, headBytes = 0) => {
      const writer = protobuf.Writer.create();
      for (let count = 0; count < headBytes; count++) writer.uint32(0); // one byte each
      return type.encode(message as { [field: string]: unknown }, writer).finish() as Buffer;
    },
    decode: (bytes) => decoded(type, bytes, type.name) as Wire,
  };
}

/** The full name of every service, with its methods. */
export const services = files.flatMap((file) =>
  (file.service ?? []).map((service) => ({
    name: `${file.package}.${service.name}`,
    methods: service.method ?? [],
  })),
);

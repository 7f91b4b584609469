import * as protoLoader from "@grpc/proto-loader";
import { descriptorSet } from "@synod/wire";

/**
 * A message as a plain object, by the names of its proto file. `any`: the suite reads what an unknown implementation
 * sends, field by field; a type would claim what the checks are there to find out.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Message = { [field: string]: any };

/** One RPC as the proto files describe it. Requests may also be bytes, which are sent as they are. */
export interface Rpc {
  /** `/package.Service/Method` */
  readonly path: string;
  encode(request: Message | Buffer): Buffer;
  decode(response: Buffer): Message;
  decodeRequest(request: Buffer): Message;
}

/** Integers of the protocol stay below 2^53, so numbers hold them. */
const loaded = protoLoader.loadFileDescriptorSetFromBuffer(Buffer.from(descriptorSet), {
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
});

/** The RPC called `package.Service/Method`. Throws an Error when the proto files know none. */
export function rpcOf(name: string): Rpc {
  const [service = "", method = ""] = name.split("/");
  const definition = (loaded[service] as protoLoader.ServiceDefinition | undefined)?.[method];
  if (!definition) throw new Error(`the proto files describe no ${name}`);
  return {
    path: definition.path,
    encode: (request) =>
      Buffer.isBuffer(request) ? request : definition.requestSerialize(renamed(request, snake) as Message),
    decode: (response) => renamed(definition.responseDeserialize(response), camel) as Message,
    decodeRequest: (request) => renamed(definition.requestDeserialize(request), camel) as Message,
  };
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Descriptor sets name fields as the proto files do; the checks name them as TypeScript does. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      // The name of a oneof stands for the name of its member.
      const isMember = typeof field === "string" && Object.hasOwn(value, field);
      return [rename(key), isMember ? rename(field) : renamed(field, rename)];
    }),
  );
}

/** Bytes that are no message of any type: a field that claims more than there is. */
export const malformed = Buffer.from([0x0a, 0x05, 0x01]);

/** Bytes that are no message of any type, some of which a decoder that is not strict reads as if nothing were missing. */
export const unreadable: Readonly<Record<string, Buffer>> = {
  "a field that claims more than there is": malformed,
  "a tag without its value": Buffer.from([0x0a]),
  "a wire type that does not exist": Buffer.from([0x0f]),
};

/** No message of a type whose field 1 is a text. */
export const notText: Readonly<Record<string, Buffer>> = {
  "a text that is not UTF-8": Buffer.from([0x0a, 0x02, 0xc3, 0x28]),
};

const megabytes = 5;

/** Well-formed for every type (one unknown field), and larger than the 4 MiB that gRPC allows by default. */
export const oversized = Buffer.concat([
  Buffer.from([0x7a, ...varint(megabytes << 20)]),
  Buffer.alloc(megabytes << 20),
]);

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 128) return [...bytes, left];
    bytes.push((left & 127) | 128);
  }
}

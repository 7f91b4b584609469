/*
 * From the types that are generated of a user's protos to the types of tables and handlers. The protos are one interface, by
 * the full names of messages and services; descriptors carry it, so that types and values come from one place.
 */
import type { KeyKind, KeyPart } from "./key.js";

// biome-ignore lint/suspicious/noExplicitAny: a message of protos of which nothing is known
type Any = any;

type Kind = "command" | "query" | "watch";

/** The shape of the interface that `synod generate` writes. */
export interface AnyProtos {
  /** Messages as they are read and as they may be written. */
  messages: Record<string, { read: Any; write: Any }>;
  /** Methods with the full names of their messages. */
  services: Record<string, Record<string, { kind: Kind; request: string; response: string }>>;
}

/** A google.protobuf.FileDescriptorSet with all imports, and with the types of what it describes. */
export type Descriptors<P> = Uint8Array & { readonly protos?: P };

export type MessageName<P extends AnyProtos> = keyof P["messages"] & string;
export type ServiceName<P extends AnyProtos> = keyof P["services"] & string;

/** As it may be written: every field may be left out, except what is required. */
export type MessageIn<P extends AnyProtos, S extends string> = P["messages"][S]["write"];
/** As read: fields not set have their default. */
export type MessageOut<P extends AnyProtos, S extends string> = P["messages"][S]["read"];

/** The methods of a service that are of one kind. */
export type MethodOf<P extends AnyProtos, N extends ServiceName<P>, K extends Kind> = {
  [M in keyof P["services"][N]]: P["services"][N][M]["kind"] extends K ? M : never;
}[keyof P["services"][N]] &
  string;

/** Methods with one request and one response. */
export type Unary<P extends AnyProtos, N extends ServiceName<P>> = MethodOf<P, N, "command" | "query">;

export type RequestIn<P extends AnyProtos, N extends ServiceName<P>, M extends string> = MessageIn<
  P,
  P["services"][N][M]["request"]
>;
export type RequestOut<P extends AnyProtos, N extends ServiceName<P>, M extends string> = MessageOut<
  P,
  P["services"][N][M]["request"]
>;
export type ResponseIn<P extends AnyProtos, N extends ServiceName<P>, M extends string> = Synchronous<
  MessageIn<P, P["services"][N][M]["response"]>
>;
type ResponseOut<P extends AnyProtos, N extends ServiceName<P>, M extends string> = MessageOut<
  P,
  P["services"][N][M]["response"]
>;

interface KindTypes {
  string: string;
  int64: bigint;
  bytes: Uint8Array;
}

/** The type of a key from the kinds of its parts. */
export type KeyOf<K extends readonly KeyKind[]> = { -readonly [I in keyof K]: KindTypes[K[I]] };

/** The first parts of a key, none and all included. */
export type LeadingOf<K extends readonly KeyPart[]> = K extends readonly [
  ...infer Rest extends readonly KeyPart[],
  Any,
]
  ? K | LeadingOf<Rest>
  : K;

/** A handler that returns a promise is refused by its type, which has a function `then`; a field of that name has none. */
type Synchronous<Response> = "then" extends keyof Response ? Response : Response & { then?: never };

/** Requests as written and responses as read of the commands and queries of a service: for whoever calls them. */
export type CallsOf<P extends AnyProtos, N extends ServiceName<P>> = {
  [M in Unary<P, N>]: { request: RequestIn<P, N, M>; response: ResponseOut<P, N, M> };
};

/*
 * From the generated types of a user's proto to the types of handlers. Generated code describes methods by grpc-js's
 * handler types; these are matched by their shape alone, so that nothing here depends on grpc-js.
 */
import type { KeyKind, KeyPart } from "./key.js";

// biome-ignore lint/suspicious/noExplicitAny: stands for every function in conditional types
type Any = any;

/** The methods of generated `…Handlers`, without the index signature that they inherit. */
type Methods<H> = keyof { [M in keyof H as string extends M ? never : number extends M ? never : M]: H[M] } &
  string;

type CallOf<F> = F extends (call: infer C, ...rest: Any[]) => Any ? C : never;
type HasRequest<F> = CallOf<F> extends { request: unknown } ? true : false;
type HasCallback<F> = F extends (...parameters: infer P) => Any
  ? P extends [Any, Any]
    ? true
    : false
  : false;

/** Methods with one request and one response: commands and queries. */
export type Unary<H> = {
  [M in Methods<H>]: [HasRequest<H[M]>, HasCallback<H[M]>] extends [true, true] ? M : never;
}[Methods<H>];

/** Methods with one request and a stream of responses: watches. */
export type Streaming<H> = {
  [M in Methods<H>]: [HasRequest<H[M]>, HasCallback<H[M]>] extends [true, false] ? M : never;
}[Methods<H>];

/** Methods with a stream of requests: not supported. */
export type ClientStreaming<H> = Exclude<Methods<H>, Unary<H> | Streaming<H>>;

export type RequestOf<F> = CallOf<F> extends { request: infer R } ? R : never;

export type UnaryResponse<F> = F extends (
  call: Any,
  callback: (error: Any, value?: infer R, ...rest: Any[]) => Any,
) => Any
  ? NonNullable<R>
  : never;

export type StreamResponse<F> = CallOf<F> extends { _write(chunk: infer R, ...rest: Any[]): Any } ? R : never;

/** The type at a dotted name in a generated `ProtoGrpcType`. */
type At<P, S extends string> = S extends `${infer A}.${infer B}`
  ? A extends keyof P
    ? At<P[A], B>
    : never
  : S extends keyof P
    ? P[S]
    : never;

/** A generated message, by what it is made from and what it is read as. */
interface GeneratedMessage<In, Out> {
  serialize(value: In): Any;
  deserialize(bytes: Any): Out;
}
interface MessageDefinition {
  format: string;
  type: object;
}

/** As written: every field may be left out. */
export type MessageIn<P, S extends string> = At<P, S> extends GeneratedMessage<infer In, Any> ? In : never;
/** As read: fields not set have their default. */
export type MessageOut<P, S extends string> = At<P, S> extends GeneratedMessage<Any, infer Out> ? Out : never;

/** The full names of all messages of a generated `ProtoGrpcType`. */
export type MessageName<P, Path extends string = ""> = {
  [N in keyof P & string]: P[N] extends MessageDefinition
    ? `${Path}${N}`
    : P[N] extends (...parameters: Any[]) => Any
      ? never
      : P[N] extends new (
            ...parameters: Any[]
          ) => Any
        ? never
        : P[N] extends object
          ? MessageName<P[N], `${Path}${N}.`>
          : never;
}[keyof P & string];

/** The full names of all services of a generated `ProtoGrpcType`. */
export type ServiceName<P, Path extends string = ""> = {
  [N in keyof P & string]: P[N] extends MessageDefinition
    ? never
    : P[N] extends { service: Any }
      ? `${Path}${N}`
      : P[N] extends object
        ? ServiceName<P[N], `${Path}${N}.`>
        : never;
}[keyof P & string];

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

/** A handler that returns a promise is refused by its type. */
export type Synchronous<Response> =
  Response extends PromiseLike<unknown> ? never : Response & { then?: never };

/** A method's entry in a generated `…Definition`. */
interface GeneratedMethod<In, Out> {
  requestSerialize(value: In): Any;
  responseDeserialize(bytes: Any): Out;
}

/** The definitions of all services of a generated `ProtoGrpcType`. */
type Definitions<P> = {
  [N in keyof P]: P[N] extends MessageDefinition
    ? never
    : P[N] extends { service: infer D }
      ? D
      : P[N] extends object
        ? Definitions<P[N]>
        : never;
}[keyof P];

type CallOfMethod<D, M> = M extends keyof D
  ? D[M] extends GeneratedMethod<infer In, infer Out>
    ? { request: In; response: Out }
    : never
  : never;

/** Requests as written and responses as read of the methods that `H` handles: for whoever calls them. */
export type CallsOf<P, H> = {
  [M in Unary<H>]: CallOfMethod<Extract<Definitions<P>, Record<Methods<H>, unknown>>, M>;
};

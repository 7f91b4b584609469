import { type BoundService, type DeclaredAfterStandstill, nameProblems } from "../engine/service.js";
import { type Origin, originHere } from "../realm/origin.js";
import type { DescriptorLoader } from "./codec.js";
import type { CommandContext, Context, ErrorSpec } from "./context.js";
import type { KeyKind, KeyPart } from "./key.js";
import { type LoadedDefinition, load } from "./load.js";
import type {
  CallsOf,
  ClientStreaming,
  KeyOf,
  MessageIn,
  MessageName,
  MessageOut,
  RequestOf,
  ServiceName,
  Streaming,
  StreamResponse,
  Synchronous,
  Unary,
  UnaryResponse,
} from "./method-types.js";
import type { ReadTransaction, Table, TableDefinition, TableOptions, Transaction } from "./table.js";

type ErrorDetails<P, E extends Record<string, ErrorSpec>> = {
  [N in keyof E]: E[N] extends { detail: infer D extends string } ? MessageIn<P, D> : undefined;
};

/** A change to a row that a watch sees; `value` is undefined when the row was deleted. */
export interface Change<Value = unknown> {
  readonly key: readonly KeyPart[];
  readonly value: Value | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a watch may name a table of any key and message
type AnyTable = Table<any, any, any>;

/** A watch: it sends one event for each change of the rows that it names. */
export interface Watch<Request, Response> {
  /** A table, and a whole key, or its first parts, or nothing, for all rows that begin with them. */
  readonly range: (request: Request) => readonly [AnyTable, ...KeyPart[]];
  // biome-ignore lint/suspicious/noExplicitAny: the value's type is that of the table that `range` names
  readonly event: (change: Change<any>) => Response;
}

type Watches<H> = [Streaming<H>] extends [never]
  ? { readonly watches?: Record<never, never> }
  : {
      readonly watches: {
        readonly [M in Streaming<H>]: Watch<RequestOf<H[M]>, Synchronous<StreamResponse<H[M]>>>;
      };
    };

type NoClientStreaming<H> = [ClientStreaming<H>] extends [never]
  ? unknown
  : { readonly "methods that stream requests cannot be replicated": ClientStreaming<H> };

/** `P`, `H`: the generated ProtoGrpcType and handlers; `E`: declared errors; `C`: which methods are commands. */
export type Definition<P, H, E extends Record<string, ErrorSpec>, C extends Unary<H>> = {
  /**
   * Of the handlers' behaviour, from 1: the newest that these handlers can run. It is in force at once in a cluster that
   * never used the service; elsewhere from when a switch to it is decided.
   */
  readonly version: number;
  /** The oldest that they can run, by what `context.version` says; `version` when absent. */
  readonly oldestVersion?: number;
  /** Methods that came with a later version than 1: before it is in force there is no such method, on any replica. */
  readonly since?: { readonly [M in Unary<H>]?: number };
  /**
   * The treatment of time in which the whole cluster could decide nothing (no majority, no leader). "resume", the
   * default: it does not count, so that a lease does not run out while nobody could renew it. "catch up": it counts, as far
   * as some replica lived through it, for what people wait for, such as a rate limit. A function of the version tells it
   * for each: what a version does must never change.
   */
  readonly afterStandstill?: DeclaredAfterStandstill;
  readonly errors: E;
  /** Executed once each, in the order of the log. */
  readonly commands: {
    readonly [M in C]: (
      tx: Transaction,
      request: RequestOf<H[M]>,
      context: CommandContext<ErrorDetails<P, E>, C, H>,
    ) => Synchronous<UnaryResponse<H[M]>>;
  };
  /** Linearizable reads: the methods that the proto declares `idempotency_level = NO_SIDE_EFFECTS`. */
  readonly queries: {
    readonly [M in Exclude<Unary<H>, C>]: (
      tx: ReadTransaction,
      request: RequestOf<H[M]>,
      context: Context<ErrorDetails<P, E>>,
    ) => Synchronous<UnaryResponse<H[M]>>;
  };
  /**
   * The fault of a request, in words; undefined if there is none: answered with INVALID_ARGUMENT. Sees the request
   * and the version in force only. Runs before a command costs a place in the log, and again where it is executed.
   */
  readonly validate?: {
    readonly [M in Unary<H>]?: (request: RequestOf<H[M]>, version: number) => string | undefined;
  };
} & Watches<H> &
  NoClientStreaming<H>;

declare const callsType: unique symbol;

/** The origin of a service. */
interface Made {
  readonly build?: string;
  readonly origin?: Origin;
  readonly bind?: (loader: DescriptorLoader) => BoundService;
}

/**
 * A replicated service, as a module exports it. Whoever runs it binds it to codecs first.
 * `Calls`: request and response of each command and query.
 */
export class ReplicatedService<Calls = unknown> {
  declare readonly [callsType]?: Calls;
  readonly name: string;
  /** The newest that it can run. */
  readonly version: number;
  readonly oldestVersion: number;
  /** A google.protobuf.FileDescriptorSet with all imports. */
  readonly descriptors: Uint8Array;
  readonly tables: readonly TableDefinition[];
  /** sha-256, hex, of the code of a service that was loaded in a realm; undefined for one of this process's own. */
  readonly build: string | undefined;
  /** The place in this process where it was defined; undefined for one that was loaded in a realm. */
  readonly origin: Origin | undefined;
  readonly #bind: (loader: DescriptorLoader) => BoundService;

  constructor(definition: LoadedDefinition, made: Made) {
    this.name = definition.name;
    this.version = definition.version;
    this.oldestVersion = definition.oldestVersion ?? definition.version;
    this.descriptors = definition.descriptors;
    this.tables = definition.tables;
    this.build = made.build;
    this.origin = made.origin;
    this.#bind = made.bind ?? ((loader) => load(definition, loader));
  }

  /**
   * The service as the engine runs it. Throws, naming every problem, when the definition and the proto do not agree.
   * @param loader `loadServices` of @synod/wire
   */
  bind(loader: DescriptorLoader): BoundService {
    const bound = this.#bind(loader);
    bound.build ??= this.build;
    return bound;
  }
}

/** Makes the tables of a service, and then the service. */
export interface ServiceBuilder<P, H> {
  /**
   * A table of this service.
   * @param name tells its rows apart from other tables': never give it to rows of another kind
   * @param keyKinds the parts of a key, which is also the order of the rows: texts and bytes by their bytes, numbers by value
   * @param message full name of the values' message
   */
  table<const K extends readonly KeyKind[], const S extends MessageName<P>>(
    name: string,
    keyKinds: K,
    message: S,
    options?: TableOptions<MessageIn<P, S>, MessageOut<P, S>>,
  ): Table<KeyOf<K>, MessageIn<P, S>, MessageOut<P, S>>;
  define<const E extends Record<string, ErrorSpec<MessageName<P>>>, C extends Unary<H>>(
    definition: Definition<P, H, E, C>,
  ): ReplicatedService<CallsOf<P, H>>;
}

/**
 * Begins a replicated service.
 * `P`, `H`: the generated `ProtoGrpcType` and `…Handlers`.
 */
export function replicatedService<P, H>(options: {
  /** A google.protobuf.FileDescriptorSet with all imports, as `synod generate` writes it. */
  readonly descriptors: Uint8Array;
  /** Full name. */
  readonly service: ServiceName<P>;
}): ServiceBuilder<P, H> {
  const { descriptors } = options;
  const name: string = options.service;
  const tables: TableDefinition[] = [];
  return {
    table(table, keyKinds, message, { upgrade } = {}) {
      const definition = { name: table, keyKinds, message, upgrade } as unknown as TableDefinition;
      tables.push(definition);
      return definition as never;
    },
    define(definition) {
      const problems = nameProblems(name, definition.version, definition.oldestVersion);
      if (problems.length > 0)
        throw new TypeError(`service ${name} is not well defined:\n  ${problems.join("\n  ")}`);
      const {
        version,
        oldestVersion,
        since = {},
        afterStandstill,
        errors,
        commands,
        queries,
        validate = {},
      } = definition;
      const { watches = {} } = definition as { watches?: object };
      const loaded = {
        name,
        version,
        oldestVersion,
        since,
        afterStandstill,
        descriptors,
        tables,
        errors,
        commands,
        queries,
        watches,
        validate,
      } as unknown as LoadedDefinition;
      return new ReplicatedService(loaded, { origin: originHere() });
    },
  };
}

import { type BoundService, type DeclaredAfterStandstill, nameProblems } from "../engine/service.js";
import { type Origin, originHere } from "../realm/origin.js";
import type { DescriptorLoader } from "./codec.js";
import type { CommandContext, Context, ErrorSpec } from "./context.js";
import type { KeyKind, KeyPart } from "./key.js";
import { type LoadedDefinition, load } from "./load.js";
import type {
  AnyProtos,
  CallsOf,
  Descriptors,
  KeyOf,
  MessageIn,
  MessageName,
  MessageOut,
  MethodOf,
  RequestIn,
  RequestOut,
  ResponseIn,
  ServiceName,
  Unary,
} from "./method-types.js";
import type { ReadTransaction, Table, TableDefinition, TableOptions, Transaction } from "./table.js";

type ErrorDetails<P extends AnyProtos, E extends Record<string, ErrorSpec>> = {
  [N in keyof E]: E[N] extends { detail: infer D extends string } ? MessageIn<P, D> : undefined;
};

/** Requests of the commands that may be scheduled. */
type Requests<P extends AnyProtos, N extends ServiceName<P>> = {
  [M in MethodOf<P, N, "command">]: RequestIn<P, N, M>;
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

type Watches<P extends AnyProtos, N extends ServiceName<P>> = [MethodOf<P, N, "watch">] extends [never]
  ? { readonly watches?: Record<never, never> }
  : {
      readonly watches: {
        readonly [M in MethodOf<P, N, "watch">]: Watch<RequestOut<P, N, M>, ResponseIn<P, N, M>>;
      };
    };

/** `P`: the generated Protos; `N`: the service's full name; `E`: declared errors. */
export type Definition<P extends AnyProtos, N extends ServiceName<P>, E extends Record<string, ErrorSpec>> = {
  /**
   * Of the handlers' behaviour, from 1: the newest that these handlers can run. It is in force at once in a cluster that
   * never used the service; elsewhere from when a switch to it is decided.
   */
  readonly version: number;
  /** The oldest that they can run, by what `context.version` says; `version` when absent. */
  readonly oldestVersion?: number;
  /** Methods that came with a later version than 1: before it is in force there is no such method, on any replica. */
  readonly since?: { readonly [M in Unary<P, N>]?: number };
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
    readonly [M in MethodOf<P, N, "command">]: (
      tx: Transaction,
      request: RequestOut<P, N, M>,
      context: CommandContext<ErrorDetails<P, E>, Requests<P, N>>,
    ) => ResponseIn<P, N, M>;
  };
  /** Linearizable reads: the methods that the proto declares `idempotency_level = NO_SIDE_EFFECTS`. */
  readonly queries: {
    readonly [M in MethodOf<P, N, "query">]: (
      tx: ReadTransaction,
      request: RequestOut<P, N, M>,
      context: Context<ErrorDetails<P, E>>,
    ) => ResponseIn<P, N, M>;
  };
  /**
   * The fault of a request, in words; undefined if there is none: answered with INVALID_ARGUMENT. Sees the request
   * and the version in force only. Runs before a command costs a place in the log, and again where it is executed.
   */
  readonly validate?: {
    readonly [M in Unary<P, N>]?: (request: RequestOut<P, N, M>, version: number) => string | undefined;
  };
} & Watches<P, N>;

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
export interface ServiceBuilder<P extends AnyProtos, N extends ServiceName<P>> {
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
  define<const E extends Record<string, ErrorSpec<MessageName<P>>>>(
    definition: Definition<P, N, E>,
  ): ReplicatedService<CallsOf<P, N>>;
}

/** Begins a replicated service. */
export function replicatedService<P extends AnyProtos, const N extends ServiceName<P>>(options: {
  /** As `synod generate` writes them. */
  readonly descriptors: Descriptors<P>;
  /** Full name. */
  readonly service: N;
}): ServiceBuilder<P, N> {
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

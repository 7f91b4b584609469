import type { Kit } from "./kit.js";

/** The numbers and names that the package offers inside of a realm. */
export interface Given {
  readonly constants: Readonly<Record<string, unknown>>;
  readonly services: Readonly<
    Record<string, { readonly name: string; readonly version: number; readonly descriptors: string }>
  >;
}

/** The calls by which the functions made here tell the process something. None of them throws. */
export interface Registry {
  /** A service was defined: the object that stands for it inside, and what `define` was given. */
  defined(service: object, definition: object): void;
  /** This error of the realm stands for that one of the process. */
  standsFor(inner: object, outer: unknown): void;
  /** The same bytes, in an array of the process. */
  exported(bytes: Uint8Array): Uint8Array;
}

/** A transaction or context of the process: methods that may throw errors of the process. */
type Foreign = Readonly<Record<string, (...parameters: unknown[]) => unknown>> &
  Readonly<Record<string, unknown>>;
type Handler = (tx: object, request: unknown, context: object) => unknown;

/**
 * Evaluated inside. What a module gets that imports @synod/state-machine: services are defined, and their handlers are
 * given transactions and contexts, by objects of the realm that stand before the process's own.
 */
export function makeSdk(kit: Kit, registry: Registry, given: string): object {
  const { constants, services } = JSON.parse(given) as Given;
  type Bytes = { from(source: unknown, encoding?: string): Uint8Array };
  const bytesOf = (source: unknown, encoding?: string): Uint8Array =>
    (globalThis as unknown as { Buffer: Bytes }).Buffer.from(source, encoding);

  /** The error to throw inside for one that the process threw. */
  const inner = (error: unknown): unknown => {
    if (Object(error) !== error || error instanceof Error) return error;
    const { name, message } = error as Error;
    const kinds: Record<string, ErrorConstructor> = { TypeError, RangeError };
    const copy = new (kinds[name] ?? Error)(message);
    copy.name = name;
    registry.standsFor(copy, error);
    return copy;
  };
  const asked = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      throw inner(error);
    }
  };

  const outward = (part: unknown): unknown => (part instanceof Uint8Array ? registry.exported(part) : part);
  const outwardParts = (parts: unknown): unknown => (Array.isArray(parts) ? parts.map(outward) : parts);
  const inward = (part: unknown): unknown => (Object(part) === part ? bytesOf(part) : part);
  const outwardOptions = (options: unknown): unknown => {
    if (Object(options) !== options) return options;
    const copy = { ...(options as Record<string, unknown>) };
    for (const name of ["prefix", "from", "after", "until"])
      if (copy[name] !== undefined) copy[name] = outwardParts(copy[name]);
    if (copy.beginsWith !== undefined) copy.beginsWith = outward(copy.beginsWith);
    return copy;
  };

  function* walk(entries: Iterator<readonly [Iterable<unknown>, unknown]>): Generator<unknown> {
    try {
      for (;;) {
        const next = asked(() => entries.next());
        if (next.done) return;
        const [key, value] = next.value;
        yield [Array.from(key, inward), value];
      }
    } finally {
      asked(() => entries.return?.());
    }
  }

  class RealmTransaction {
    readonly #outer: Foreign;
    constructor(outer: Foreign) {
      this.#outer = outer;
    }
    get(table: unknown, ...key: unknown[]): unknown {
      try {
        return this.#outer.get?.(table, ...key.map(outward));
      } catch (error) {
        throw inner(error);
      }
    }
    getOrEmpty(table: unknown, ...key: unknown[]): unknown {
      return asked(() => this.#outer.getOrEmpty?.(table, ...key.map(outward)));
    }
    put(table: unknown, key: unknown, value: unknown): void {
      try {
        this.#outer.put?.(table, outwardParts(key), value);
      } catch (error) {
        throw inner(error);
      }
    }
    delete(table: unknown, ...key: unknown[]): void {
      try {
        this.#outer.delete?.(table, ...key.map(outward));
      } catch (error) {
        throw inner(error);
      }
    }
    range(table: unknown, options?: unknown): Iterable<unknown> {
      type Rows = Iterable<readonly [Iterable<unknown>, unknown]>;
      return walk(
        asked(() => {
          const rows = this.#outer.range?.(table, outwardOptions(options)) as Rows;
          return rows[Symbol.iterator]();
        }),
      );
    }
  }

  class RealmContext {
    readonly #outer: Foreign;
    constructor(outer: Foreign) {
      this.#outer = outer;
    }
    get revision(): unknown {
      return this.#outer.revision;
    }
    get slot(): unknown {
      return this.#outer.slot;
    }
    get time(): Date {
      return new Date(Number(this.#outer.time));
    }
    get version(): unknown {
      return this.#outer.version;
    }
    get client(): unknown {
      const client = this.#outer.client as object | undefined;
      return client && { ...client };
    }
    random(): unknown {
      return this.#outer.random?.();
    }
    uuid(): unknown {
      return this.#outer.uuid?.();
    }
    fail(...parameters: unknown[]): unknown {
      return asked(() => this.#outer.fail?.(...parameters));
    }
    schedule(...parameters: unknown[]): void {
      asked(() => this.#outer.schedule?.(...parameters));
    }
    unschedule(...parameters: unknown[]): void {
      asked(() => this.#outer.unschedule?.(...parameters));
    }
  }
  for (const { prototype } of [RealmTransaction, RealmContext]) Object.freeze(prototype);

  // An async or generator function is passed on as it is, for the check of the definition to name it.
  const entered = (handler: unknown): unknown =>
    typeof handler === "function" && handler.constructor === Function
      ? (tx: Foreign, request: unknown, context: Foreign) =>
          (handler as Handler)(new RealmTransaction(tx), request, new RealmContext(context))
      : handler;
  const allEntered = (handlers: unknown): object =>
    Object.fromEntries(Object.entries(Object(handlers)).map(([name, each]) => [name, entered(each)]));

  const replicatedService = ({
    descriptors,
    service: name,
  }: {
    descriptors: Uint8Array;
    service: string;
  }) => {
    const tables: object[] = [];
    return Object.freeze({
      table(
        table: string,
        keyKinds: readonly string[],
        message: string,
        options: { upgrade?: unknown } = {},
      ) {
        const definition = Object.freeze({ name: table, keyKinds, message, upgrade: options.upgrade });
        tables.push(definition);
        return definition;
      },
      define(definition: Readonly<Record<string, unknown>>) {
        const { version, oldestVersion = version } = definition;
        const service = Object.freeze({ name, version, oldestVersion, descriptors });
        registry.defined(service, {
          ...definition,
          name,
          descriptors,
          tables,
          commands: allEntered(definition.commands),
          queries: allEntered(definition.queries),
        });
        return service;
      },
    });
  };

  // Decoded when they are asked for: most modules never do, and each start of a replica would.
  const described = Object.entries(services).map(([name, { descriptors, ...service }]) => [
    name,
    {
      ...service,
      get descriptors() {
        return bytesOf(descriptors, "base64");
      },
    },
  ]);
  return Object.freeze({
    ...constants,
    ...Object.fromEntries(described),
    replicatedService,
    NotDeterministic: kit.NotDeterministic,
  });
}

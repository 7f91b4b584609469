/*
 * The functions in this folder are evaluated inside a realm, from their text: each stands alone, names nothing outside of
 * itself but types, and takes what it needs as parameters. What they make are therefore objects of the realm, with no way
 * from their prototypes to the process. What they are handed from outside stays in their closures.
 */

/** The process's services to the realm. They take and give primitives, fill views of the realm, and never throw. */
export interface Outside {
  /** Log time in milliseconds; undefined while no command or query runs. */
  timeMs(): number | undefined;
  /** From 0, included, to 1, excluded; undefined while no command or query runs. */
  random(): number | undefined;
  /** Fills with bytes seeded by the command's place in the log; false while no command or query runs. */
  fillWithChance(bytes: Uint8Array): boolean;
  /** True when this is how an engine says that stack or memory are exhausted. If so it is noted. */
  isExhaustion(error: unknown): boolean;
}

/** The parts that several of these functions share. */
export interface Kit {
  readonly NotDeterministic: new (what: string, instead: string) => Error;
  /** A function that throws. */
  refusing(what: string, instead: string): () => never;
  /** Sets a property of the global or of an object in it that nobody can exchange. */
  fix(owner: object, key: PropertyKey, value: unknown): void;
  /** Sets a method of a prototype. It stays writable: what inherits from the prototype could not have its own otherwise. */
  inherit(prototype: object, key: PropertyKey, method: unknown): void;
}

/** Evaluated inside. */
export function makeKit(): Kit {
  class NotDeterministic extends Error {
    constructor(what: string, instead: string) {
      super(
        `${what} was used in a handler, or while its module was loaded, but gives each replica something else: expected ${instead} instead`,
      );
      this.name = "NotDeterministic";
    }
  }
  return {
    NotDeterministic,
    refusing: (what, instead) => () => {
      throw new NotDeterministic(what, instead);
    },
    fix: (owner, key, value) =>
      Object.defineProperty(owner, key, { value, writable: false, enumerable: false, configurable: false }),
    inherit: (prototype, key, value) =>
      Object.defineProperty(prototype, key, { value, writable: true, enumerable: false, configurable: true }),
  };
}

/**
 * Evaluated inside, before anything else: takes away what is not in the allow list.
 * @param names the names that stay, by intrinsic
 */
export function keepOnly(names: Readonly<Record<string, string>>): void {
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
  const typedArray = Object.getPrototypeOf(Uint8Array) as { prototype: object };
  const hidden: Record<string, object> = {
    "%Iterator%": iterator,
    "%TypedArray%": typedArray,
    "%TypedArray%.prototype": typedArray.prototype,
  };
  const found = (place: string): object | undefined => {
    if (place === "globals") return globalThis;
    if (hidden[place] !== undefined) return hidden[place];
    let value: unknown = globalThis;
    for (const part of place.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
    return value as object | undefined;
  };
  const places = Object.entries(names).map(([place, kept]) => [found(place), kept.split(" ")] as const);
  for (const [owner, kept] of places) {
    if (owner === undefined) continue;
    // Some flags of Node add what cannot be deleted (`gc`): the name stays, and is nothing.
    for (const name of Object.getOwnPropertyNames(owner))
      if (!kept.includes(name) && !Reflect.deleteProperty(owner, name)) Reflect.set(owner, name, undefined);
  }
  for (const name of ["dispose", "asyncDispose"]) {
    const symbol = (Symbol as unknown as Record<string, symbol | undefined>)[name];
    if (symbol !== undefined) Reflect.deleteProperty(iterator, symbol);
  }
}

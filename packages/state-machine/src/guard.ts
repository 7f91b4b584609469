import nodeCrypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/*
 * Handlers must do the same on every replica, so while one runs, whatever differs between machines or moments throws,
 * and names what to use instead. The functions are wrapped once in a process and ask a flag; only `Date`, whose identity
 * others may compare, is exchanged for the time a handler runs. Outside of handlers everything is as it was.
 */

/** A handler used something that differs between replicas. */
export class NotDeterministic extends Error {
  override readonly name = "NotDeterministic";

  constructor(what: string, instead: string) {
    super(
      `${what} was used in a handler, but gives each replica something else: expected ${instead} instead`,
    );
  }
}

const clock = "context.time";
const chance = "context.random() or context.uuid()";
const later = "context.schedule(at, method, request)";
const outside = "a request that carries what it needs, or a table";

type Callable = (...parameters: unknown[]) => unknown;

/** True while a handler runs, and not the engine on its behalf. */
let guarding = false;
let installed = false;
const OriginalDate = globalThis.Date;

const GuardedDate: DateConstructor = new Proxy(OriginalDate, {
  construct(target, parameters, newTarget): Date {
    if (guarding && parameters.length === 0) throw new NotDeterministic("new Date()", clock);
    return Reflect.construct(target, parameters, newTarget === GuardedDate ? target : newTarget) as Date;
  },
  apply(target, self, parameters) {
    if (guarding) throw new NotDeterministic("Date()", clock);
    return Reflect.apply(target, self, parameters);
  },
});

function wrap(owner: object, key: string, what: string, instead: string): void {
  const original: unknown = Reflect.get(owner, key);
  if (typeof original !== "function") return;
  const call = original as Callable;
  function guarded(this: unknown, ...parameters: unknown[]): unknown {
    if (guarding) throw new NotDeterministic(what, instead);
    return Reflect.apply(call, this, parameters);
  }
  // What hangs on the function (its name, util.promisify's hint, process.hrtime.bigint) stays.
  Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(original));
  const present = Object.getOwnPropertyDescriptor(owner, key);
  const { enumerable = true } = present ?? {};
  if (present?.configurable === false) {
    if (present.writable) Reflect.set(owner, key, guarded);
    return;
  }
  Object.defineProperty(owner, key, { value: guarded, writable: true, configurable: true, enumerable });
}

/** Wraps once in a process. Called before the first handler may run. */
export function installGuard(): void {
  if (installed) return;
  installed = true;
  wrap(OriginalDate, "now", "Date.now()", clock);
  wrap(Math, "random", "Math.random()", chance);
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"])
    wrap(globalThis, name, `${name}()`, later);
  wrap(process, "nextTick", "process.nextTick()", later);
  wrap(globalThis, "fetch", "fetch()", outside);
  wrap(performance, "now", "performance.now()", clock);
  wrap(process.hrtime, "bigint", "process.hrtime.bigint()", clock);
  wrap(process, "hrtime", "process.hrtime()", clock);
  for (const name of ["getRandomValues", "randomUUID"])
    wrap(globalThis.crypto, name, `crypto.${name}()`, chance);
  for (const name of [
    ..."randomBytes randomInt randomUUID randomFill randomFillSync getRandomValues".split(" "),
    ..."generateKey generateKeySync generateKeyPair generateKeyPairSync".split(" "),
  ])
    wrap(nodeCrypto, name, `crypto.${name}()`, chance);
  syncBuiltinESMExports();
}

/** Runs a part of a handler's work. Handlers do not nest. */
export function guarded<Result>(work: () => Result): Result {
  const before = globalThis.Date;
  globalThis.Date = GuardedDate;
  guarding = true;
  try {
    return work();
  } finally {
    guarding = false;
    globalThis.Date = before;
  }
}

/** The engine works on a handler's behalf (a store may look at a clock). Give what it returns to `resumeGuard`. */
export function suspendGuard(): boolean {
  const before = guarding;
  guarding = false;
  return before;
}

export function resumeGuard(before: boolean): void {
  guarding = before;
}

import type { WireError } from "../wire-error.js";

/** Evaluates a JavaScript expression in a realm and returns its value. */
export type Evaluate = (expression: string) => unknown;

/**
 * Makes what decoded messages consist of, in the realm of whoever reads them: an object of another realm would lead to
 * that realm's globals through its constructor.
 */
export interface RealmValues {
  readonly evaluate: Evaluate;
  list(): unknown[];
  /** Without a prototype: users choose the keys, and may choose "constructor". */
  map(): Record<string, unknown>;
  /** @param content a view of what was read */
  bytes(content: Buffer): Uint8Array;
  error(error: WireError): Error;
}

/** Of the process's own realm when `evaluate` is absent; then bytes are views of what was read. */
export function realmValues(evaluate: Evaluate | undefined): RealmValues {
  const own = evaluate === undefined;
  // That of whoever loaded this module, which test runners put into a realm of theirs.
  const within = evaluate ?? ((expression) => new Function(`return (${expression});`)());
  const bytes = within(
    `typeof Buffer === "function" ? (content) => Buffer.from(content) : ((Bytes) => (content) => new Bytes(content))(Uint8Array)`,
  ) as RealmValues["bytes"];
  return {
    evaluate: within,
    list: within("() => []") as RealmValues["list"],
    map: within("((create) => () => create(null))(Object.create)") as RealmValues["map"],
    bytes: own ? (content) => content : bytes,
    error: own ? (error) => error : errors(within),
  };
}

function errors(evaluate: Evaluate): RealmValues["error"] {
  const make = evaluate(
    `((Base) => (name, message, code) => {
      const error = new Base(message);
      error.name = name;
      error.code = code;
      return error;
    })(Error)`,
  ) as (name: string, message: string, code: number) => Error;
  return ({ name, message, code }) => make(name, message, code);
}

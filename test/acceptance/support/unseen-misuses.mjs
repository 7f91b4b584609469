// Misuses of replicatedService that no compiler sees: in JavaScript, through `any`, or in what a handler calls.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { calculatorService, replicatedService } from "@synod/state-machine";
import { checkDeterminism, run } from "@synod/testing";
import { root } from "./copy.mjs";
import refusedService, { refusals } from "./refused-service.mjs";

/**
 * `says`: what was wrong, and what to do instead.
 * @typedef {{ what: string, caught: "load" | "run time" | "determinism", says: RegExp[], run: () => unknown }} UnseenMisuse
 * @typedef {(tx: any, request: any, context: any) => unknown} Handler
 * @typedef {{ commands?: object, queries?: object, watches?: object, validate?: object, errors?: object, message?: string,
 *   kinds?: string[] }} Changes
 */

const { descriptors, name } = calculatorService;
const number = { value: "1" };
const give = () => number;

/**
 * A calculator as JavaScript may write it.
 * @param {(tables: { numbers?: any }) => Changes} make handlers find the table there when they run
 */
function calculator(make) {
  /** @type {any} */
  const builder = replicatedService(/** @type {any} */ ({ descriptors, service: name }));
  /** @type {{ numbers?: any }} */
  const tables = {};
  const { message = "synod.calculator.v1.ValueResponse", kinds = ["int64"], ...changes } = make(tables);
  tables.numbers = builder.table("numbers", kinds, message);
  const sound = { commands: { Add: give, Subtract: give, Multiply: give }, queries: { Value: give } };
  return run(builder.define({ version: 1, errors: {}, ...sound, ...changes }), { sharedRealm: true });
}

/** @type {[string, () => Changes, ...RegExp[]][]} */
const atLoad = [
  [
    "a query listed as a command",
    () => ({ commands: { Add: give, Subtract: give, Multiply: give, Value: give }, queries: {} }),
    /Value: found it in commands, but its proto says/,
    /move it to queries, or take the option away/,
  ],
  [
    "a command listed as a query",
    () => ({ commands: { Subtract: give, Multiply: give }, queries: { Add: give, Value: give } }),
    /Add: found it in queries, which change nothing/,
    /add "option idempotency_level = NO_SIDE_EFFECTS;", or make it a command/,
  ],
  [
    "a command listed as a watch",
    () => ({ commands: { Subtract: give, Multiply: give }, watches: { Add: { range: give, event: give } } }),
    /Add: found it in watches/,
    /it belongs in commands/,
  ],
  [
    "a method that stands nowhere",
    () => ({ commands: { Subtract: give, Multiply: give } }),
    /Add: expected it in one of commands, queries and watches, found it in none/,
    /it belongs in commands/,
  ],
  [
    "a method that the proto does not have",
    () => ({ queries: { Value: give, Divide: give } }),
    /queries\.Divide: the proto has no such method/,
    /it has Add, Subtract, Multiply, Value/,
  ],
  [
    "an async handler",
    () => ({ queries: { Value: async () => number } }),
    /queries\.Value: expected a plain function, found one of kind AsyncFunction/,
    /handlers are synchronous/,
  ],
  [
    "a handler that is no function",
    () => ({ queries: { Value: number } }),
    /queries\.Value: expected a function, found object/,
  ],
  [
    "a table of a message that the proto does not have",
    () => ({ message: "synod.calculator.v1.Nothing" }),
    /numbers: expected the full name of a message in the protos, found synod\.calculator\.v1\.Nothing/,
  ],
  [
    "a table with keys of another kind",
    () => ({ kinds: ["number"] }),
    /found "number"/,
    /expected key parts of kind string, int64 or bytes/,
  ],
  [
    "an error whose detail is no message, and whose code is no status",
    () => ({ errors: { Wrong: { code: 99, detail: "synod.calculator.v1.Nothing" } } }),
    /errors\.Wrong\.detail: expected the full name of a message in the protos/,
    /errors\.Wrong\.code: expected a gRPC status code from 1 to 16, found 99/,
  ],
];

/** @type {[string, (tables: { numbers?: any }) => Handler, ...RegExp[]][]} */
const inCommands = [
  [
    "a promise, returned through any",
    () => () => Promise.resolve(number),
    /returned a promise/,
    /synchronous/,
  ],
  [
    "an undeclared error",
    () => (_tx, _request, context) => context.fail("Other"),
    /fail\("Other"\): expected a declared error/,
  ],
  [
    "a schedule of a query",
    () => (_tx, _request, context) => context.schedule(context.time, "Value", {}),
    /found "Value"/,
    /expected a command of synod\.calculator\.v1\.Calculator \(Add, Subtract, Multiply\)/,
  ],
  [
    "a schedule at a number",
    () => (_tx, _request, context) => context.schedule(5, "Add", {}),
    /schedule: expected a Date, found number/,
  ],
  [
    "a schedule with another request",
    () => (_tx, _request, context) => context.schedule(context.time, "Add", { nope: 1 }),
    /nope: expected a field of synod\.calculator\.v1\.AddRequest \(operand\)/,
  ],
  [
    "a response with a field that the proto does not have",
    () => () => ({ ...number, nope: 1 }),
    /nope: expected a field of synod\.calculator\.v1\.AddResponse \(value\)/,
  ],
  [
    "no response",
    () => () => undefined,
    /expected an object with the fields of synod\.calculator\.v1\.AddResponse/,
  ],
  [
    "a value with a field that the message does not have",
    (tables) => (tx) => tx.put(tables.numbers, [1n], { nope: 1 }),
    /nope: expected a field of synod\.calculator\.v1\.ValueResponse \(value\)/,
  ],
  [
    "a value that is no number",
    (tables) => (tx) => tx.put(tables.numbers, [1n], { value: "seven" }),
    /value: expected .*integer/,
    /seven/,
  ],
  [
    "a key of another kind",
    (tables) => (tx) => tx.put(tables.numbers, ["one"], number),
    /expected/,
    /bigint/,
  ],
  [
    "a key with a part too many",
    (tables) => (tx) => tx.get(tables.numbers, 1n, 2n),
    /expected 1 parts, found number 2/,
  ],
  [
    "a table of another service",
    () => (tx) => tx.get({ name: "strangers" }),
    /table strangers is not of this service/,
    /expected one made by its own table\(\)/,
  ],
  [
    "a range without a limit over more than 10,000 rows",
    (tables) =>
      (tx, _request, { revision }) => {
        // The first two calls fill the table, which one alone may not.
        const rows = [...tx.range(tables.numbers, { limit: 10_001 })].length;
        if (rows <= 10_000)
          for (let row = 0; row < 6_000; row++)
            tx.put(tables.numbers, [revision * 10_000n + BigInt(row)], number);
        else for (const _ of tx.range(tables.numbers));
        return number;
      },
    /ranges gave more than 10000 rows/,
    /name a limit or a narrower prefix/,
  ],
];

/** @type {[string, (tables: { numbers?: any }) => Handler, ...RegExp[]][]} */
const inQueries = [
  [
    "a query that writes, through any",
    (tables) => (tx) => tx.put(tables.numbers, [1n], number),
    /a query cannot write/,
    /make it a command/,
  ],
  [
    "a query that schedules, through any",
    () => (_tx, _request, context) => context.schedule(context.time, "Add", {}),
    /a query cannot write/,
    /make it a command/,
  ],
];

/** Modules of packages/state-machine/test/fixture/determinism. @type {[string, string, RegExp, ...RegExp[]][]} */
const amongReplicas = [
  ["state in a variable of the module", "module-variable", /step 3 \(Add/, /a table/],
  ["text in the language of the replica", "locale", /step 1: Add/, /toFixed\(\)/],
  ["the clock while the module is loaded", "load-time", /while its module was loaded/, /context\.time/],
];

/** @param {string} module */
function checkFixture(module) {
  const folder = path.join(root, "packages/state-machine/test/fixture/determinism");
  const add = { method: "Add", request: { operand: "1000" } };
  return checkDeterminism({
    module: pathToFileURL(path.join(folder, `${module}.mjs`)).href,
    steps: [add, { idleMs: 500 }, add, { method: "Value", request: {} }],
  });
}

/** Calls three times, for handlers that need some rows first. @param {any} service @param {string} method */
function callThrice(service, method) {
  for (let count = 0; count < 3; count++) service.call(method, {});
}

/** @returns {UnseenMisuse[]} */
export function unseenMisuses() {
  return [
    ...atLoad.map(
      ([what, make, ...says]) =>
        /** @type {UnseenMisuse} */ ({ what, says, caught: "load", run: () => calculator(make) }),
    ),
    ...inCommands.map(
      ([what, make, ...says]) =>
        /** @type {UnseenMisuse} */ ({
          what,
          says,
          caught: "run time",
          run: () =>
            callThrice(
              calculator((tables) => ({ commands: { Add: make(tables), Subtract: give, Multiply: give } })),
              "Add",
            ),
        }),
    ),
    ...refusals.map(
      ([what, , ...says], operand) =>
        /** @type {UnseenMisuse} */ ({
          what,
          says,
          caught: "run time",
          run: () => run(/** @type {any} */ (refusedService)).call("Add", { operand }),
        }),
    ),
    ...inQueries.map(
      ([what, make, ...says]) =>
        /** @type {UnseenMisuse} */ ({
          what,
          says,
          caught: "run time",
          run: () =>
            callThrice(
              calculator((tables) => ({ queries: { Value: make(tables) } })),
              "Value",
            ),
        }),
    ),
    ...amongReplicas.map(
      ([what, module, ...says]) =>
        /** @type {UnseenMisuse} */ ({ what, says, caught: "determinism", run: () => checkFixture(module) }),
    ),
  ];
}

/** What must pass, or whatever is caught above would show nothing. */
export async function soundService() {
  callThrice(
    calculator(() => ({})),
    "Add",
  );
  await checkFixture("sound");
}

// A calculator whose Add does what a handler may not; imported by name and loaded in a realm, as users' modules are.
import { calculatorService, replicatedService } from "@synod/state-machine";

/** What a handler does, and what it is told. @type {[string, () => unknown, ...RegExp[]][]} */
export const refusals = [
  ["performance.now()", () => performance.now(), /performance\.now\(\)/, /context\.time/],
  [
    "setTimeout()",
    () => setTimeout(() => {}, 1),
    /setTimeout\(\)/,
    /context\.schedule\(at, method, request\)/,
  ],
  ["queueMicrotask()", () => queueMicrotask(() => {}), /queueMicrotask\(\)/, /context\.schedule\(/],
  [
    "fetch()",
    () => fetch("http://127.0.0.1:1/"),
    /fetch\(\)/,
    /a request that carries what it needs, or a table/,
  ],
  ["the process", () => process.pid, /process is not defined/, /a request that carries what it needs/],
  ["a number in the machine's language", () => (0.5).toLocaleString(), /toLocaleString\(\)/, /toFixed\(\)/],
  [
    "a date in the machine's language",
    () => new Date(0).toLocaleDateString(),
    /toLocaleDateString/,
    /toISOString/,
  ],
  ["a format of Intl", () => new Intl.NumberFormat(), /Intl\.NumberFormat/, /String\(\)/],
];

const { descriptors, name } = calculatorService;
/** @type {any} */
const builder = replicatedService(/** @type {any} */ ({ descriptors, service: name }));
const refused = (/** @type {unknown} */ _, /** @type {{ operand: string }} */ { operand }) => {
  refusals[Number(operand)]?.[1]();
  return {};
};

export default builder.define({
  version: 1,
  errors: {},
  commands: { Add: refused, Subtract: refused, Multiply: refused },
  queries: { Value: () => ({}) },
});

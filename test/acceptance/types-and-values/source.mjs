// TypeScript of a user's project for the protos: a service for each, rows as they are read, and statements about types that the
// compiler decides.

/** @param {string} name full name of the service @param {string} scope of its messages, with a dot at the end, or empty */
export function serviceSource(name, scope) {
  return `
import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./gen/descriptors.js";

const service = replicatedService({ descriptors, service: "${name}" });
const rows = service.table("rows", ["string"], "${scope}Row");

export default service.define({
  version: 1,
  errors: { NoRow: { code: 5, detail: "${scope}Name" } },
  commands: {
    Keep(tx, row, context) {
      const key = row.id ?? "";
      tx.put(rows, [key], row);
      return tx.get(rows, key) ?? context.fail("NoRow", { id: key });
    },
  },
  queries: { Get: (tx, { id = "" }, context) => tx.get(rows, id) ?? context.fail("NoRow", { id }) },
});
`;
}

const equality = `
import type { Protos, Read, Write } from "./gen/types.js";

/** True only for two types that are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** True when a property may be left out. */
type Optional<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? true : false;
`;

/**
 * Rows, which the compiler holds against the type of what is read; and for each field what its types are.
 * @param {string} scope @param {readonly import("./fields.mjs").Field[]} fields @param {readonly string[]} rowNames
 */
export function checksSource(scope, fields, rowNames) {
  const row = `${scope}Row`;
  const rows = rowNames.map((rowName, index) => {
    const values = fields.flatMap(({ name, ts, choice }) => {
      const value = ts[index];
      if (value === undefined) return [];
      return [`${name}: ${value}`, ...(choice === undefined ? [] : [`${choice}: "${name}"`])];
    });
    return `  { id: "${rowName}", ${values.join(", ")} },`;
  });
  const statements = fields.flatMap((field) => [
    same(`Read<"${row}">["${field.name}"]`, field.absentWhenRead ? `${field.read} | undefined` : field.read),
    same(
      `Write<"${row}">["${field.name}"]`,
      field.absentWhenWritten ? `${field.write} | undefined` : field.write,
    ),
    same(`Optional<Read<"${row}">, "${field.name}">`, String(field.absentWhenRead)),
    same(`Optional<Write<"${row}">, "${field.name}">`, String(field.absentWhenWritten)),
  ]);
  const names = [
    "id",
    ...fields.flatMap(({ name, choice }) => [name, ...(choice === undefined ? [] : [choice])]),
  ];
  statements.push(same(`keyof Read<"${row}">`, names.map((name) => `"${name}"`).join(" | ")));
  return `${equality}
export const rows: Read<"${row}">[] = [
${rows.join("\n")}
];
export const writable: Write<"${row}">[] = rows;

export const statements: [
${statements.map((statement) => `  ${statement},`).join("\n")}
] = [${statements.map(() => "true").join(", ")}];
export type Known = Protos;
`;
}

/** @param {string} found @param {string} expected */
function same(found, expected) {
  return `Same<${found}, ${expected}>`;
}

/**
 * The same for rows that are written by hand.
 * @param {string} scope @param {readonly { ts: string }[]} rows
 */
export function rowsSource(scope, rows) {
  return `
import type { Read, Write } from "./gen/types.js";
export const rows: Read<"${scope}Row">[] = [
${rows.map(({ ts }) => `  ${ts},`).join("\n")}
];
export const writable: Write<"${scope}Row">[] = rows;
`;
}

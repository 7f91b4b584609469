import { isDeepStrictEqual } from "node:util";

/** An implementation did not do what a check expects. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** A check cannot be made from here, through no fault of the service under test. */
export class NotPossible extends Error {
  override readonly name = "NotPossible";
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, found) =>
    found?.type === "Buffer" ? `${found.data.length} bytes` : found,
  );
  return text === undefined ? "nothing" : text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

export function fail(what: string, expected: string, found: unknown): never {
  throw new Violation(
    `${what}: expected ${expected}, found ${typeof found === "string" ? found : shown(found)}`,
  );
}

export function equal(found: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(found, expected)) fail(what, shown(expected), shown(found));
}

export function holds(condition: boolean, what: string, expected: string, found: unknown): void {
  if (!condition) fail(what, expected, found);
}

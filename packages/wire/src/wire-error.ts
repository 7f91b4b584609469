import { status } from "@grpc/grpc-js";

/** Received bytes that are no valid message. Ends the call with `code`, and with this error's message as its details. */
export class WireError extends Error {
  override readonly name = "WireError";
  /** gRPC status code. */
  readonly code = status.INVALID_ARGUMENT;
  readonly #field: string;
  readonly #expected: string;
  readonly #found: string;

  /**
   * @param field path of the field in proto names, e.g. `P2a.pvalue.slot`
   * @param expected in words
   * @param found in words
   */
  constructor(field: string, expected: string, found: string) {
    super(`${field}: expected ${expected}, found ${found}`);
    this.#field = field;
    this.#expected = expected;
    this.#found = found;
  }

  /** The same error, its field being a part of `place`. */
  beneath(place: string): WireError {
    return new WireError(place + this.#field, this.#expected, this.#found);
  }

  /** The same error in a more exact place: a field that starts with `prefix` starts with `place` instead. */
  within(prefix: string, place: string): WireError {
    if (!this.#field.startsWith(prefix)) return this;
    return new WireError(place + this.#field.slice(prefix.length), this.#expected, this.#found);
  }
}

/** A value as an error message shows it: short, on one line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") {
    return value.length <= 80
      ? JSON.stringify(value)
      : `${JSON.stringify(value.slice(0, 60))}… (${value.length} characters)`;
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object")
    return isLong(value)
      ? value.toString()
      : `an object with ${Object.keys(value).join(", ") || "no fields"}`;
  return String(value);
}

function isLong(value: object): boolean {
  return "low" in value && "high" in value;
}

/** A message in protobuf's JSON form: bytes in base64, 64-bit integers as text; default values may be left out. */
export type Message = { readonly [field: string]: unknown };

/** How the service answered a call: with a message, or with an error of its own, by the name of its gRPC status. */
export type Outcome = { readonly answer: Message } | { readonly error: string };

/** What one client saw of one call. */
export interface Operation {
  /** Who called; for the reader alone. */
  readonly client: string;
  /** Full name, e.g. `synod.kv.v1.KeyValue`. */
  readonly service: string;
  readonly method: string;
  readonly request: Message;
  /** When the call was made: milliseconds of a clock that all clients share and that never goes back. */
  readonly invoked: number;
  /** Undefined when no answer came: the call may take effect at any time after it was made, or never. */
  readonly result: Result | undefined;
}

export interface Result {
  /** When the answer arrived, by the same clock. */
  readonly returned: number;
  readonly outcome: Outcome;
}

/** A decoded message in JSON form: bytes become base64. */
export function jsonMessage(decoded: object): Message {
  return JSON.parse(
    JSON.stringify(decoded, function (this: Record<string, unknown>, field, value) {
      // A Buffer has turned itself into something else by now.
      const own = this[field];
      return own instanceof Uint8Array ? Buffer.from(own).toString("base64") : value;
    }),
  );
}

/** One text for all ways to write the same message: fields in order, defaults left out, numbers as text. */
export function canonical(value: unknown): string {
  if (value === undefined || value === null || value === "" || value === "0") return "";
  if (value === 0 || value === false) return "";
  if (Array.isArray(value)) return value.length === 0 ? "" : `[${value.map(canonical).join()}]`;
  if (typeof value !== "object") return JSON.stringify(String(value));
  const message = value as Message;
  let text = "";
  for (const field of Object.keys(message).sort()) {
    const part = canonical(message[field]);
    if (part !== "") text += `${text === "" ? "" : ","}${field}:${part}`;
  }
  return `{${text}}`;
}

export function outcomeText(outcome: Outcome): string {
  return "error" in outcome ? outcome.error : canonical(outcome.answer);
}

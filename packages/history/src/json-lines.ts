import type { Message, Operation, Outcome } from "./operation.js";

/*
 * A history as JSON lines: one operation a line, in any order.
 *
 *   {"client":"c1","service":"synod.kv.v1.KeyValue","method":"Put","request":{"key":"a","value":"eA=="},
 *    "invoked":12.5,"returned":14.1,"answer":{"revision":"7"}}
 *
 * `request` and `answer` are messages in protobuf's JSON form. In place of `answer` stands `error`, the name of a gRPC
 * status, when the service itself refused; `failed`, with a reason, when the call surely took no effect (such lines are
 * not part of the history); or nothing, when the outcome is not known.
 */

/** Reads a history. Throws TypeError, naming the line, when one is not as described. */
export function readHistory(text: string): Operation[] {
  const operations: Operation[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      const operation = operationOf(JSON.parse(line));
      if (operation !== undefined) operations.push(operation);
    } catch (error) {
      throw new TypeError(`line ${index + 1}: ${(error as Error).message}`);
    }
  }
  return operations;
}

/** One operation as a line, without the line's end. */
export function historyLine({ client, service, method, request, invoked, result }: Operation): string {
  const known = result && { returned: result.returned, ...result.outcome };
  return JSON.stringify({ client, service, method, request, invoked, ...known });
}

function operationOf(found: unknown): Operation | undefined {
  if (!isMessage(found)) throw new TypeError("expected an object");
  if (found.failed !== undefined) return undefined;
  const outcome = outcomeOf(found);
  const invoked = numberAt(found, "invoked");
  const returned = outcome === undefined ? undefined : numberAt(found, "returned");
  if (returned !== undefined && returned < invoked)
    throw new TypeError(`expected an answer after ${invoked}, found one at ${returned}`);
  return {
    client: textAt({ client: "", ...found }, "client"),
    service: textAt(found, "service"),
    method: textAt(found, "method"),
    request: messageAt(found, "request"),
    invoked,
    result: outcome && returned !== undefined ? { returned, outcome } : undefined,
  };
}

function outcomeOf(found: Message): Outcome | undefined {
  if (found.answer !== undefined && found.error !== undefined)
    throw new TypeError("expected an answer or an error, found both");
  if (found.answer !== undefined) return { answer: messageAt(found, "answer") };
  return found.error === undefined ? undefined : { error: textAt(found, "error") };
}

function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function messageAt(found: Message, field: string): Message {
  const value = found[field];
  if (!isMessage(value)) throw new TypeError(`${field}: expected a message`);
  return value;
}

function textAt(found: Message, field: string): string {
  const value = found[field];
  if (typeof value !== "string") throw new TypeError(`${field}: expected a text`);
  return value;
}

function numberAt(found: Message, field: string): number {
  const value = found[field];
  if (typeof value !== "number") throw new TypeError(`${field}: expected a number of milliseconds`);
  return value;
}

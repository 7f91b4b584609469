import type { Message, Operation } from "../operation.js";

/*
 * How models read the fields of messages in protobuf's JSON form.
 */

export function wholeOf(value: unknown): bigint {
  return BigInt((value ?? 0) as string | number);
}

export function textOf(value: unknown): string {
  return value === undefined ? "" : String(value);
}

export function listOf(value: unknown): readonly Message[] {
  return (value ?? []) as readonly Message[];
}

/** The message that a call was answered with; undefined when it got none, or an error. */
export function answerOf({ result }: Operation): Message | undefined {
  return result !== undefined && "answer" in result.outcome ? result.outcome.answer : undefined;
}

/** A number that the service chose and a client may learn. */
export type Learned =
  | { readonly known: true; readonly number: bigint }
  /** Nobody was told yet; it is above this one. */
  | { readonly known: false; readonly above: bigint };

/** The number after a client was told it; undefined when it cannot be that one. */
export function learn(number: Learned, told: unknown): Learned | undefined {
  const found = wholeOf(told);
  const right = number.known ? found === number.number : found > number.above;
  return right ? { known: true, number: found } : undefined;
}

export function lowestOf(number: Learned): bigint {
  return number.known ? number.number : number.above;
}

export function learnedText(number: Learned): string {
  return number.known ? String(number.number) : `above ${number.above}`;
}

/** Math.max knows no bigints. */
export function higher(left: bigint, right: bigint): bigint {
  if (left > right) return left;
  return right;
}

/** The place of a command: its slot, service and method. */
export interface Place {
  readonly slot: number;
  /** Of the command in its slot. */
  readonly index: number;
  readonly service: string;
  readonly method: string;
}

/**
 * A command used up the stack, or more memory than the engine gives to one value. Where that happens depends on the
 * process (how deep its own calls are, which code is compiled), so it is never an answer: the slot is not applied.
 */
export class Exhausted extends Error implements Place {
  override readonly name = "Exhausted";
  readonly slot: number;
  readonly index: number;
  readonly service: string;
  readonly method: string;

  constructor({ slot, index, service, method }: Place, cause: unknown) {
    const found = cause instanceof Error ? cause.message : String((cause as Error | undefined)?.message);
    super(
      `command ${index} of slot ${slot}, ${service}/${method}, exhausts this process (${found}): expected a handler ` +
        "that stays far from the limits of stack and memory on every replica; bound its recursion and what it builds",
      { cause },
    );
    this.slot = slot;
    this.index = index;
    this.service = service;
    this.method = method;
  }
}

/** V8's words for exhaustion that depends on the process. Limits of the language itself (an invalid array length) are not among them. */
const words = new RegExp(
  "^(Maximum call stack size exceeded|Invalid string length|Array buffer allocation failed|Invalid typed array length.*|" +
    "Maximum BigInt size exceeded|(Map|Set) maximum size exceeded|Too many properties to enumerate)$",
);

/** Of any realm: told by its words. */
export function isExhaustion(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { name, message } = error as { name?: unknown; message?: unknown };
  return name === "RangeError" && typeof message === "string" && words.test(message);
}

let noted: unknown;

/** Notes that the command that runs has seen one, which it may go on to hide by catching it. */
export function note(error: unknown): void {
  noted ??= error;
}

/** The exhaustion noted since the last call. */
export function takeNoted(): unknown {
  const found = noted;
  noted = undefined;
  return found;
}

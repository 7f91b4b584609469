import type { Command } from "@synod/core";

const commandLength = 8;

/** A command of the simulation: eight letters that name it. */
export function simulatedCommand(number: number): Command {
  const name = `c${String(number).padStart(commandLength - 1, "0")}`;
  return {
    clientId: name,
    sequence: 1,
    acknowledged: 0,
    service: "list",
    method: "append",
    request: Uint8Array.from([...name].map((letter) => letter.charCodeAt(0))),
  };
}

export function commandName(command: Command): string {
  return String.fromCharCode(...command.request);
}

/** A batch is its commands' names, one after another. */
export function encodeBatch(commands: readonly Command[]): Uint8Array {
  const bytes = new Uint8Array(commands.length * commandLength);
  for (const [index, command] of commands.entries()) bytes.set(command.request, index * commandLength);
  return bytes;
}

export function decodeBatch(bytes: Uint8Array): string[] {
  const names: string[] = [];
  for (let start = 0; start < bytes.length; start += commandLength) {
    names.push(String.fromCharCode(...bytes.subarray(start, start + commandLength)));
  }
  return names;
}

/**
 * A replicated list to which every command appends its own name: a loss, a double and a wrong order all show. It keeps
 * the names it has, so that a command decided twice executes once.
 */
export class AppendedList {
  readonly #names: string[];
  readonly #known: Set<string>;

  constructor(names: readonly string[] = []) {
    this.#names = [...names];
    this.#known = new Set(names);
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** @returns the names executed now, in order; a repeat executes nothing */
  apply(batch: Uint8Array): string[] {
    const executed = decodeBatch(batch).filter((name) => !this.#known.has(name) && this.#known.add(name));
    this.#names.push(...executed);
    return executed;
  }
}

import type { Command } from "@synod/core";
import type { Caller } from "./places.js";

/** A command is heavy when it takes more than this part of a slot's room. */
const heavyPart = 1 / 64;
/** Connections and methods whose commands are known to be heavy; beyond so many the one heard of least recently is forgotten. */
const mostKnown = 4_096;

/**
 * The commands under way that write, read or answer much. Nobody knows how much before they are executed, so the last ones of the
 * same connection and method tell. Together they have one slot's room at a time: others wait behind few of them, however many are
 * asked for (rules 12 and 13).
 */
export class HeavyCommands {
  readonly #roomBytes: number;
  readonly #known = new Map<string, number>();
  /** Bytes that are expected of each. */
  readonly #underWay = new Map<Command, number>();
  #bytes = 0;

  /** @param roomBytes that a slot has for what its commands write, read and answer */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  isHeavy(caller: Caller, command: Command): boolean {
    return this.#known.has(keyOf(caller, command));
  }

  /** It may be under way with those that are: one always may, however heavy. */
  fits(caller: Caller, command: Command): boolean {
    const expected = this.#known.get(keyOf(caller, command)) ?? 0;
    return this.#underWay.size === 0 || this.#bytes + expected <= this.#roomBytes;
  }

  begin(caller: Caller, command: Command): void {
    const expected = this.#known.get(keyOf(caller, command));
    if (expected === undefined) return;
    this.#underWay.set(command, expected);
    this.#bytes += expected;
  }

  /** It is under way no more. */
  end(command: Command): void {
    this.#bytes -= this.#underWay.get(command) ?? 0;
    this.#underWay.delete(command);
  }

  /** A command was executed, and took so many bytes of its slot's room. What was expected falls by half at most. */
  learn(caller: Caller, command: Command, bytes: number): void {
    const key = keyOf(caller, command);
    const expected = Math.max(bytes, (this.#known.get(key) ?? 0) / 2);
    this.#known.delete(key);
    if (expected <= this.#roomBytes * heavyPart) return;
    this.#known.set(key, expected);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }
}

function keyOf(caller: Caller, { service, method }: Command): string {
  return `${caller} ${service}/${method}`;
}

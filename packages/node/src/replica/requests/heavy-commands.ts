import type { Command } from "@synod/core";
import type { Caller } from "./places.js";

/** A command is heavy when it takes more than this part of a slot's room. */
const heavyPart = 1 / 64;
/** Connections and methods whose commands are known to be heavy; beyond so many the one heard of least recently is forgotten. */
const mostKnown = 4_096;
/** Others count as asking for so long after their last command. */
const asksForMs = 1_000;

/**
 * The commands under way that write, read or answer much. Nobody knows how much before they are executed, so the last ones of the
 * same connection and method tell. Together they have one slot's room at a time, and while others ask for what is light, all
 * replicas together have heavy ones executed for half of the time at most: so others wait behind few of them, however many
 * are asked for (rules 12 and 13).
 */
export class HeavyCommands {
  readonly #roomBytes: number;
  readonly #restFactor: number;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, number>();
  /** Bytes that are expected of each. */
  readonly #underWay = new Map<Command, number>();
  #bytes = 0;
  /** The last light command came then. */
  #lightAtMs = Number.NEGATIVE_INFINITY;
  /** No heavy one is to be proposed before then while others ask. */
  #restUntilMs = 0;

  /**
   * @param roomBytes that a slot has for what its commands write, read and answer
   * @param replicas that may all have heavy commands under way
   */
  constructor(roomBytes: number, replicas: number, nowMs: () => number) {
    this.#roomBytes = roomBytes;
    this.#restFactor = 2 * replicas - 1;
    this.#nowMs = nowMs;
  }

  /** A command came in that is to be proposed. */
  came(caller: Caller, command: Command): void {
    if (!this.isHeavy(caller, command)) this.#lightAtMs = this.#nowMs();
  }

  isHeavy(caller: Caller, command: Command): boolean {
    return this.#known.has(keyOf(caller, command));
  }

  /** It may be under way with those that are: one always may, however heavy. */
  fits(caller: Caller, command: Command): boolean {
    const nowMs = this.#nowMs();
    if (nowMs < this.#restUntilMs && nowMs - this.#lightAtMs < asksForMs) return false;
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

  /**
   * A command was executed, and took so many bytes of its slot's room. What was expected falls by half at most.
   * @param slotMs that its slot took to be executed
   */
  learn(caller: Caller, command: Command, bytes: number, slotMs: number): void {
    if (this.#isMuch(bytes))
      this.#restUntilMs = Math.max(this.#restUntilMs, this.#nowMs() + this.#restFactor * slotMs);
    const key = keyOf(caller, command);
    const expected = Math.max(bytes, (this.#known.get(key) ?? 0) / 2);
    this.#known.delete(key);
    if (!this.#isMuch(expected)) return;
    this.#known.set(key, expected);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }

  #isMuch(bytes: number): boolean {
    return bytes > this.#roomBytes * heavyPart;
  }
}

function keyOf(caller: Caller, { service, method }: Command): string {
  return `${caller} ${service}/${method}`;
}

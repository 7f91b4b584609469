import type { Command } from "@synod/core";
import type { Caller } from "../../transport/places.js";
import type { HeavyTurns } from "./heavy-turns.js";

/** A command is heavy when it takes more than this part of a slot's room. */
const heavyPart = 1 / 64;
/** Connections and methods of which it is known what their commands take; beyond so many the one heard of least recently is forgotten. */
const mostKnown = 4_096;
/** A method of which nobody has executed a heavy command for so long is not expected to be heavy of a connection that is new. */
const methodKnownMs = 60_000;

/** A command that was executed, and the bytes of its slot's room that it took. */
export interface Taken {
  readonly command: Command;
  readonly bytes: number;
}

interface HeavyMethod {
  readonly bytes: number;
  readonly atMs: number;
}

/**
 * The commands under way that write, read or answer much. Nobody knows how much before they are executed, so the last ones of the
 * same connection and method tell, and those of anybody where a connection is new. Together they have one slot's room at a
 * time, and while others ask for what is light, they are proposed in turns: so others wait behind few of them, however many
 * are asked for (rules 12 and 13).
 */
export class HeavyCommands {
  readonly #roomBytes: number;
  readonly #turns: HeavyTurns;
  readonly #nowMs: () => number;
  /** What is expected of a connection's commands of a method, in bytes: 0 of light ones. */
  readonly #known = new Map<string, number>();
  /** The last heavy commands of methods, whoever sent them, here or elsewhere. */
  readonly #methods = new Map<string, HeavyMethod>();
  /** Bytes that are expected of each. */
  readonly #underWay = new Map<Command, number>();
  #bytes = 0;

  /** @param roomBytes that a slot has for what its commands write, read and answer */
  constructor(roomBytes: number, turns: HeavyTurns, nowMs: () => number) {
    this.#roomBytes = roomBytes;
    this.#turns = turns;
    this.#nowMs = nowMs;
  }

  /** Others ask for what is light. */
  get asked(): boolean {
    return this.#turns.asked;
  }

  /** A command came in that is to be proposed. */
  came(caller: Caller, command: Command): void {
    if (!this.isHeavy(caller, command)) this.#turns.light();
  }

  isHeavy(caller: Caller, command: Command): boolean {
    return this.#expected(caller, command) > 0;
  }

  /** It may be under way with those that are: one always may, however heavy. */
  fits(caller: Caller, command: Command): boolean {
    if (!this.#turns.mine) return false;
    return this.#underWay.size === 0 || this.#bytes + this.#expected(caller, command) <= this.#roomBytes;
  }

  begin(caller: Caller, command: Command): void {
    const expected = this.#expected(caller, command);
    if (expected === 0) return;
    this.#underWay.set(command, expected);
    this.#bytes += expected;
  }

  /** It is under way no more. */
  end(command: Command): void {
    this.#bytes -= this.#underWay.get(command) ?? 0;
    this.#underWay.delete(command);
  }

  /**
   * A slot was executed, whoever proposed it.
   * @param slotMs that it took to be executed
   */
  applied(slot: number, taken: readonly Taken[], slotMs: number): void {
    let all = 0;
    let heavy = 0;
    let light = false;
    for (const { command, bytes } of taken) {
      all += bytes;
      if (this.#isMuch(bytes)) {
        heavy += bytes;
        this.#methods.set(methodOf(command), { bytes, atMs: this.#nowMs() });
      } else light = true;
    }
    if (light) this.#turns.light();
    if (heavy > 0) this.#turns.heavy(slot, (slotMs * heavy) / all);
  }

  /** A command of this connection was executed, and took so many bytes of its slot's room. What was expected falls by half at most. */
  learn(caller: Caller, command: Command, bytes: number): void {
    const key = keyOf(caller, command);
    const expected = Math.max(bytes, (this.#known.get(key) ?? 0) / 2);
    this.#known.delete(key);
    this.#known.set(key, this.#isMuch(expected) ? expected : 0);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }

  #expected(caller: Caller, command: Command): number {
    const known = this.#known.get(keyOf(caller, command));
    if (known !== undefined) return known;
    const method = this.#methods.get(methodOf(command));
    return method !== undefined && this.#nowMs() - method.atMs < methodKnownMs ? method.bytes : 0;
  }

  #isMuch(bytes: number): boolean {
    return bytes > this.#roomBytes * heavyPart;
  }
}

function keyOf(caller: Caller, command: Command): string {
  return `${caller} ${methodOf(command)}`;
}

function methodOf({ service, method }: Command): string {
  return `${service}/${method}`;
}

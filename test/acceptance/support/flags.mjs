// What scripts share about their parameters: flags with a value, and chance that a printed seed repeats.
import { seededRandom } from "@synod/core";

/** @param {string[]} parameters @param {string} flag */
export function flagValue(parameters, flag) {
  const index = parameters.indexOf(flag);
  return index === -1 ? undefined : parameters[index + 1];
}

/** @param {string[]} parameters @param {string} flag @param {number} otherwise */
export function flagNumber(parameters, flag, otherwise) {
  const number = Number(flagValue(parameters, flag) ?? otherwise);
  if (!Number.isFinite(number)) throw new Error(`${flag}: expected a number`);
  return number;
}

/** The seed given with --seed, or a new one. @param {string[]} parameters */
export function seedOf(parameters) {
  return flagNumber(parameters, "--seed", Date.now() % 1_000_000);
}

/** Numbers from 0 to 1, the same for the same seed. @param {number} seed */
export const random = seededRandom;

/** One of them. @template T @param {() => number} draw @param {readonly T[]} items @returns {T} */
export function pick(draw, items) {
  if (items.length === 0) throw new Error("there is nothing to pick from");
  return /** @type {T} */ (items[Math.floor(draw() * items.length)]);
}

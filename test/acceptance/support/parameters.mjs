// What a script was given on its command line.
import { seededRandom } from "@synod/core";

/** @param {string[]} parameters @param {string} flag */
export function flagValue(parameters, flag) {
  const index = parameters.indexOf(flag);
  return index === -1 ? undefined : parameters[index + 1];
}

/** A whole number of at least 0. @param {string[]} parameters @param {string} flag @param {number} otherwise */
export function wholeNumber(parameters, flag, otherwise) {
  const text = flagValue(parameters, flag);
  const number = Number(text ?? otherwise);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`${flag}: expected a whole number, found ${text}`);
  return number;
}

/** Chance that a printed seed replays. @param {string[]} parameters */
export function chance(parameters) {
  const seed = wholeNumber(parameters, "--seed", Date.now() % 1_000_000);
  return { seed, random: seededRandom(seed) };
}

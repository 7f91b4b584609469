// A checker that tries every order, for histories of a few operations: nothing in it is clever, and it shares only the
// models with the one it is compared with.
import { outcomeText } from "@synod/history";

/** @typedef {import("@synod/history").Operation} Operation */

/**
 * @param {import("@synod/history").Model<any>} model @param {readonly Operation[]} operations
 * @returns {boolean}
 */
export function someOrderExplains(model, operations) {
  return follows(model, model.initial, operations, 0);
}

/**
 * @param {import("@synod/history").Model<any>} model @param {unknown} state @param {readonly Operation[]} left
 * @param {number} lapses how often something happened by itself since the last operation
 * @returns {boolean}
 */
function follows(model, state, left, lapses) {
  // Those without an answer need not happen.
  if (left.every(({ result }) => result === undefined)) return true;
  for (const next of left) {
    if (left.some(({ result }) => result !== undefined && result.returned < next.invoked)) continue;
    const after = model.step(state, next);
    if (next.result !== undefined && outcomeText(next.result.outcome) !== outcomeText(after.outcome))
      continue;
    const others = left.filter((one) => one !== next);
    if (follows(model, after.state, others, 0)) return true;
  }
  // A line has no more claims than there were operations.
  if (lapses > left.length + 8) return false;
  return (model.byItself?.(state) ?? []).some((later) => follows(model, later, left, lapses + 1));
}

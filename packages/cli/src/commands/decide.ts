import { Failure, reasonOf } from "../failure.js";

/** The time that one replica is given to have something decided. */
export const decideWithinMs = 10_000;

/**
 * Has something decided through the first replica that can; all of it may be decided twice without harm. What one answers
 * that it is not to be done is final.
 */
export async function decidedBy(
  addresses: readonly string[],
  decide: (address: string) => Promise<number>,
): Promise<number> {
  const troubles: string[] = [];
  for (const address of addresses) {
    try {
      return await decide(address);
    } catch (error) {
      const reason = reasonOf(error);
      if (/^(FAILED_PRECONDITION|INVALID_ARGUMENT)/.test(reason)) throw new Failure(reason);
      troubles.push(`  ${address}: ${reason}`);
    }
  }
  throw new Failure(["nothing was decided, as far as is known:", ...troubles].join("\n"));
}

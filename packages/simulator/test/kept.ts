import { expect } from "vitest";
import { type FaultRates, faultKinds, type Schedule, simulate } from "../src/index.js";

/** These faults and no others, in events per thousand ticks. */
export function only(rates: Partial<FaultRates>): FaultRates {
  const none = Object.fromEntries(Object.keys(faultKinds).map((kind) => [kind, 0])) as FaultRates;
  return { ...none, ...rates };
}

/** Runs a schedule whose every promise must hold. */
export async function kept(schedule: Schedule) {
  const result = await simulate(schedule);
  const { failure, options, trace } = result;
  expect(
    failure,
    `seed ${schedule.seed} ${JSON.stringify(options)}\n${trace.slice(-40).join("\n")}`,
  ).toBeUndefined();
  return result;
}

// Runs of seeds, and what they may vary.

export { Campaign, type CampaignSummary } from "./campaign.js";
export type { FaultEvent, FaultKind, FaultRates } from "./fault-event.js";
export { faultKinds } from "./fault-event.js";
export type { DelayKind, WorldOptions } from "./options.js";
export { kindOf, type ShrinkOptions, shrink } from "./shrink.js";
export { type RunResult, type Schedule, simulate } from "./world.js";

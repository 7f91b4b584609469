// Parts of a replica's process that do no I/O, for whoever runs one elsewhere: the simulator.
export { confirmationOf } from "./confirmation.js";
export { decidedOf } from "./decided.js";
export { Driver } from "./driver.js";
export { ExitCode } from "./exit-code.js";
export { LogClock } from "./log-clock.js";
export { LogTimeMover } from "./log-time-mover.js";
export { obstacleOf } from "./replica-view.js";
export { Reporter } from "./reporter.js";
export type { Scheduler } from "./scheduler.js";
export { nextDigest, noDigest } from "./snapshot-digest.js";
export type { Confirmation } from "./snapshot-sender.js";

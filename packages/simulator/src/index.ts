export { Checker } from "./checker.js";
export { Disk } from "./disk.js";
export { Network, type NetworkOptions } from "./network.js";
export { drawOptions, simulatedLimits, type WorldOptions } from "./options.js";
export { Violation } from "./violation.js";
export { type RunResult, simulate, World } from "./world.js";

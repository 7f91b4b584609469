// For any process that meets people and the operating system; loads nothing else, because commands should start quickly.

export { LossyOutput, type LossyOutputOptions, withoutWaiting } from "./process/lossy-output.js";
export { type Replaceable, replaceable } from "./process/regular-file.js";
export { makeDirectory, systemReason, systemSentence } from "./process/system-error.js";

// What a service wrote last.
import { readFileSync } from "node:fs";

/** @param {string} file @param {number} count */
export function lastLines(file, count) {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count);
}

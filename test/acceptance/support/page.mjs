// A page of the documentation as a script: what its fenced blocks say to write and to type.
import { readFileSync } from "node:fs";

/**
 * @typedef {{ kind: "file", file: string, text: string } | { kind: "checkout" | "step" | "background" | "answers",
 *   lines: string[] }} Block
 */

const kinds = /** @type {const} */ (["checkout", "step", "background", "answers"]);

/**
 * The blocks whose first line says more than a language: "file=PATH" is a file, "step", "checkout" and "background" are
 * typed, and "answers" has what the steps before it printed last, one answer a line.
 * @param {string} page
 * @returns {Block[]}
 */
export function blocksOf(page) {
  const found = readFileSync(page, "utf8").matchAll(/^```(\w+) (\S+)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, , what = "", text = ""]) => {
    if (what.startsWith("file=")) return { kind: "file", file: what.slice("file=".length), text };
    const kind = kinds.find((one) => one === what);
    if (!kind) throw new Error(`${page}: a block says "${what}"; expected file=PATH, ${kinds.join(", ")}`);
    return { kind, lines: text.trimEnd().split("\n") };
  });
}

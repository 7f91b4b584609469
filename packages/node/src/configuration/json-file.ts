import { readFileSync } from "node:fs";
import { type Node, type ParseError, parse, parseTree, printParseErrorCode } from "jsonc-parser";
import { pathText } from "./problem.js";

export interface JsonText {
  /** Undefined when there is nothing to read. */
  readonly value: unknown;
  readonly problems: readonly string[];
}

/** Reads a JSON file. The problems do not name the file. */
export function readJsonFile(file: string): JsonText {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { value: undefined, problems: [unreadable(error as NodeJS.ErrnoException)] };
  }
  return readJsonText(text);
}

/** Strict JSON, and besides no field twice in one object: `JSON.parse` takes the last in silence. */
export function readJsonText(text: string): JsonText {
  try {
    const value: unknown = JSON.parse(text);
    return { value, problems: repeatedFields(parseTree(text), text) };
  } catch (error) {
    return { value: undefined, problems: [syntaxProblem(text, error as Error)] };
  }
}

function unreadable(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "expected a file, found none of this name";
  if (error.code === "EISDIR") return "expected a file, found a directory";
  if (error.code === "EACCES") return "cannot be read: no permission";
  return `cannot be read: ${error.message}`;
}

/** The engine's own message has no place in it on every Node, hence the second parser. */
function syntaxProblem(text: string, error: Error): string {
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (!first) return `not valid JSON: ${error.message}`;
  if (text.trim() === "") return "not valid JSON: the file is empty";
  const what = printParseErrorCode(first.error)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return `not valid JSON at ${place(text, first.offset)}: ${what}`;
}

function repeatedFields(node: Node | undefined, text: string, path: (string | number)[] = []): string[] {
  if (!node?.children) return [];
  if (node.type === "array") {
    return node.children.flatMap((child, index) => repeatedFields(child, text, [...path, index]));
  }
  const seen = new Set<string>();
  return node.children.flatMap((property) => {
    const [key, value] = property.children ?? [];
    if (!key) return [];
    const name = String(key.value);
    const here = [...path, name];
    const problem = seen.has(name)
      ? [`${pathText(here)}: expected once, found again at ${place(text, key.offset)}`]
      : [];
    seen.add(name);
    return [...problem, ...repeatedFields(value, text, here)];
  });
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

import { readFileSync } from "node:fs";
import { exitCode, Failure } from "./failure.js";

/** No argument of a process can have this character: it marks a word that is meant as it stands. */
const literal = "\0";

/**
 * The words of a command line as the parser takes them. Words behind `--` are never flags: the parser drops them there, so they
 * take their places before it, and those that look like a flag are marked. It takes a single dash for an empty word, also before.
 */
export function withoutSeparator(words: readonly string[]): string[] {
  const at = words.includes("--") ? words.indexOf("--") : words.length;
  const before = words.slice(0, at).map((word) => (word === "-" ? literal + word : word));
  const behind = words.slice(at + 1).map((word) => (word.startsWith("-") ? marked(word) : word));
  return [...before, ...behind];
}

/** A negative number is not marked: it may stand where a number is expected. */
function marked(word: string): string {
  return word === "-" || looksLikeFlag(word) ? literal + word : word;
}

/** A word as it was typed. */
export function asTyped(word: string): string {
  return word.startsWith(literal) ? word.slice(literal.length) : word;
}

/** Takes the marks away again, from everything that the parser found. */
export function takeMarksAway(found: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(found)) {
    if (typeof value === "string") found[name] = asTyped(value);
    else if (Array.isArray(value))
      found[name] = value.map((each) => (typeof each === "string" ? asTyped(each) : each));
  }
}

/** True for what a parser takes for a flag; a negative number is none. */
export function looksLikeFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !/^-([0-9]+(\.[0-9]+)?|\.[0-9]+)$/.test(word);
}

/** The word of a command line in which the parser found a flag of this name; the name itself when it was a word of its own. */
export function typedAs(name: string, words: readonly string[]): string {
  const holdsIt = (flag: string) =>
    flag.startsWith("--")
      ? [`--${name}`, `--no-${name}`].includes(flag) || inCamelCase(flag.slice(2)) === name
      : flag.includes(name);
  return words.find((word) => looksLikeFlag(word) && holdsIt(word.replace(/=.*$/s, ""))) ?? name;
}

/** The other name by which the parser knows a flag. */
function inCamelCase(name: string): string {
  return name.replace(/-+(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Refuses a command line with bytes that are not UTF-8: Node has made U+FFFD of them, so two keys or paths would have become one.
 * @param raw the command line as the system keeps it, each word ended by a zero byte
 */
export function requireReadable(
  words: readonly string[],
  raw: () => Uint8Array | undefined = rawWords,
): void {
  if (!words.some((word) => word.includes("\ufffd"))) return;
  const bytes = raw();
  if (bytes === undefined) return;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const found = words.filter((word) => word.includes("\ufffd")).map((word) => JSON.stringify(word));
    throw new Failure(
      `expected words in UTF-8, found other bytes in ${found.join(", ")}: keys and paths of other bytes cannot be given`,
      exitCode.usage,
    );
  }
}

function rawWords(): Uint8Array | undefined {
  try {
    return readFileSync("/proc/self/cmdline");
  } catch {
    return undefined;
  }
}

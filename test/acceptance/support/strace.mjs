// Reads what strace wrote, call by call. A call has two moments: it begins where strace first mentions it, and ends where
// its result stands. Whatever one thread does because of what another did is mentioned later, so the order of these
// moments is the order of causes.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/**
 * @typedef {object} Call
 * @property {string} thread
 * @property {string} name
 * @property {string} text what stands between the parentheses
 * @property {number} result -1 after an error
 * @property {number} begin
 * @property {number} end
 */

/** Parameters for strace that make its file readable here. @param {string} file @param {string[]} calls */
export function tracing(file, calls) {
  return [
    "strace",
    "-f",
    "-qq",
    "-y",
    "-s",
    "1200000",
    "-e",
    "signal=none",
    "-e",
    `trace=${calls}`,
    "-o",
    file,
  ];
}

/**
 * Every call that ended, in the order of ends.
 * @param {string} file
 * @returns {AsyncGenerator<Call>}
 */
export async function* callsIn(file) {
  // One byte a character: strace writes no others than ASCII.
  const lines = createInterface({
    input: createReadStream(file, "latin1"),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  /** @type {Map<string, { name: string, text: string, begin: number }>} */
  const unfinished = new Map();
  let number = 0;
  for await (const line of lines) {
    number++;
    const [, thread = "", rest = ""] = /^(\d+) +([\s\S]*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>/.exec(rest);
    if (resumed) {
      const started = unfinished.get(thread);
      unfinished.delete(thread);
      const { text, result } = ended(rest.slice(resumed[0].length));
      if (started)
        yield {
          thread,
          name: started.name,
          text: started.text + text,
          result,
          begin: started.begin,
          end: number,
        };
      continue;
    }
    const opening = /^(\w+)\(/.exec(rest);
    if (!opening) continue; // how a thread ended
    const [head, name = ""] = opening;
    const cut = " <unfinished ...>";
    if (rest.endsWith(cut))
      unfinished.set(thread, { name, text: rest.slice(head.length, -cut.length), begin: number });
    else yield { thread, name, ...ended(rest.slice(head.length)), begin: number, end: number };
  }
}

/** @param {string} rest from after the opening parenthesis, or after "resumed>" */
function ended(rest) {
  // strace fills up with spaces between the parenthesis and the result.
  const at = rest.lastIndexOf(" = ");
  if (at === -1) return { text: rest, result: -1 };
  const result = Number.parseInt(rest.slice(at + 3), 10);
  return { text: rest.slice(0, at).trimEnd().slice(0, -1), result: Number.isNaN(result) ? -1 : result };
}

/** The file descriptor that a call's text begins with, and its path. @param {string} text */
export function descriptorOf(text) {
  const [, number = "-1", name = ""] = /^(\d+)<([^>]*)>/.exec(text) ?? [];
  return { number: Number(number), name };
}

/** @type {Record<string, string>} */
const letters = { n: "\n", t: "\t", r: "\r", v: "\v", f: "\f" };

/** The bytes of every text in quotes. @param {string} text */
export function bytesIn(text) {
  /** @type {Buffer[]} */
  const found = [];
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    const from = at + 1;
    for (at = from; text[at] !== '"'; at++) {
      if (at >= text.length) throw new Error("a text without an end in the trace");
      if (text[at] === "\\") at++;
    }
    if (text.startsWith("...", at + 1)) throw new Error("a text was cut short in the trace");
    found.push(unescaped(text, from, at));
  }
  return found;
}

/** strace writes a byte that cannot be printed as \n and the like, or in one to three octal digits. @param {string} text @param {number} from @param {number} until */
function unescaped(text, from, until) {
  const bytes = Buffer.alloc(until - from);
  let length = 0;
  for (let at = from; at < until; at++) {
    let code = text.charCodeAt(at);
    if (code === 0x5c) {
      const [octal = ""] = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4)) ?? [];
      const letter = text[at + 1] ?? "";
      code = octal === "" ? (letters[letter] ?? letter).charCodeAt(0) : Number.parseInt(octal, 8);
      at += Math.max(1, octal.length);
    }
    bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}

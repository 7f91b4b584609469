// What the compiler says of each misuse in the fixture of packages/state-machine, once nothing tells it to expect one.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./copy.mjs";

const fixture = path.join(root, "packages/state-machine/test/fixture/misuses.ts");
const expectation = "// @ts-expect-error ";

/** @typedef {{ what: string, reason: string, refusal: string | undefined }} Misuse */

/** The fixture, with imports that hold wherever a copy lies. */
function source() {
  const folder = path.dirname(fixture);
  return readFileSync(fixture, "utf8").replaceAll(
    /from "(\.[^"]+)"/g,
    (_, relative) => `from "${path.join(folder, relative)}"`,
  );
}

/** The same, with a builder that accepts everything: what is refused then is not refused by its types. */
export function withoutTypes(text = source()) {
  const untyped = "declare function replicatedService<P, H>(options: unknown): any;";
  const found = /^import \{ replicatedService \} from .*$/m;
  if (!found.test(text)) throw new Error(`${fixture}: expected an import of replicatedService`);
  return text.replace(found, untyped);
}

/**
 * Compiles every misuse. An error in a line that holds none is a problem of the fixture.
 * @param {string} [text]
 * @returns {{ misuses: Misuse[], elsewhere: string[] }}
 */
export function compiledMisuses(text = source()) {
  const lines = text.split("\n");
  const errors = compilerErrors(lines.map(unexpected).join("\n"));
  const misuses = [];
  let what = "";
  for (const [index, line] of lines.entries()) {
    what = /^ {2}"(.+)": \(\) =>/.exec(line)?.[1] ?? what;
    if (!line.trimStart().startsWith(expectation)) continue;
    // Where the expectation stood, and in the line behind it.
    const refusal = errors.get(index + 2);
    errors.delete(index + 2);
    misuses.push({ what, reason: line.trim().slice(expectation.length), refusal });
  }
  return { misuses, elsewhere: [...errors].map(([line, message]) => `line ${line}: ${message}`) };
}

/** @param {string} line */
function unexpected(line) {
  return line.trimStart().startsWith(expectation) ? "//" : line;
}

/**
 * The first error of each line, by its number.
 * @param {string} text
 */
function compilerErrors(text) {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-types-"));
  try {
    const file = path.join(folder, "misuses.ts");
    writeFileSync(file, text);
    writeFileSync(path.join(folder, "package.json"), `{ "type": "module" }`);
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(configuration));
    const { stdout, stderr, error } = spawnSync(
      path.join(root, "node_modules/.bin/tsc"),
      ["-p", folder, "--pretty", "false"],
      { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 },
    );
    if (error) throw error;
    const errors = new Map();
    for (const line of stdout.split("\n")) {
      const [, place = "", at, message] = /^(\S+?)\((\d+),\d+\): error (.+)$/.exec(line) ?? [];
      if (at === undefined) continue;
      if (path.resolve(folder, place) !== file) throw new Error(`an error outside of the misuses: ${line}`);
      if (!errors.has(Number(at))) errors.set(Number(at), message);
    }
    if (errors.size === 0) throw new Error(`the compiler refused nothing:\n${stdout}\n${stderr}`);
    return errors;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const configuration = {
  extends: path.join(root, "tsconfig.base.json"),
  compilerOptions: {
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    typeRoots: [path.join(root, "node_modules/@types")],
  },
  files: ["misuses.ts"],
};

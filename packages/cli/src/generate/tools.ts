import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Failure, reasonOf } from "../failure.js";

const require = createRequire(import.meta.url);

/** The script behind a program of a package that this one depends on. */
function programOf(packageName: string, program: string): string {
  try {
    const manifest = require.resolve(`${packageName}/package.json`);
    const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
    return path.join(path.dirname(manifest), bin[program] ?? "");
  } catch (error) {
    throw new Failure(`${packageName} is not installed beside the synod command: ${reasonOf(error)}`);
  }
}

interface Ran {
  readonly code: number;
  readonly stdout: Buffer;
  /** What is meant for people. */
  readonly words: string;
}

/** buf's folders for what a person has configured and it has fetched are of no use here, and not everybody has or may read them. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, BUF_CONFIG_DIR: import.meta.dirname, BUF_CACHE_DIR: import.meta.dirname };
}

function run(script: string, parameters: readonly string[], directory: string): Promise<Ran> {
  return new Promise((resolve) => {
    const settings = { cwd: directory, env: environment(), maxBuffer: 64 << 20, encoding: "buffer" } as const;
    execFile(process.execPath, [script, ...parameters], settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, words: stderr.toString().trim() });
    });
  });
}

/**
 * Compiles the protos below a folder with buf. Neither the folder nor a file for the result is named to it, because buf takes
 * characters of paths, such as #, for options.
 *
 * @param folder absolute; imports are meant from it
 * @param shown the folder as messages name it
 * @param without folders below it, relative, that are none of its own
 *
 * Resolves to the google.protobuf.FileDescriptorSet, imports and source information included. Throws a Failure with the compiler's messages, each with file
 * and line.
 */
export async function compile(folder: string, shown: string, without: readonly string[]): Promise<Buffer> {
  const { code, stdout, words } = await run(
    programOf("@bufbuild/buf", "buf"),
    [
      ...["build", ".", "--config", ownModule(without)],
      ...["--as-file-descriptor-set", "-o", "-#format=binpb"],
    ],
    folder,
  );
  if (code === 0) return stdout;
  const lines = words.split("\n").map((line) => readable(line, folder, shown));
  throw new Failure(["the protos do not compile:", ...lines.map((line) => `  ${line}`)].join("\n"));
}

/** A module of its own, whatever buf.yaml stands around it: nothing is looked up in a module registry. */
function ownModule(without: readonly string[]): string {
  return JSON.stringify({ version: "v2", modules: [{ path: ".", excludes: without }] });
}

/** `file:line:column: message`, the file as it was given. */
function readable(line: string, folder: string, shown: string): string {
  const found = /^(.*\.proto):(\d+):(\d+):\s*(.*)$/.exec(line);
  if (found === null) return line.replace(/^Failure: /, "").replaceAll(folder, shown);
  const [, file = "", row, column, message] = found;
  const full = path.resolve(folder, file);
  const place = `${path.join(shown, path.relative(folder, full))}:${row}:${column}`;
  if (message !== "imported file does not exist") return `${place}: ${message}`;
  // The compiler names the place of the import only.
  const imported = /"[^"]*"/.exec(
    (readFileSync(full, "utf8").split("\n")[Number(row) - 1] ?? "").slice(Number(column) - 1),
  );
  return `${place}: ${imported?.[0] ?? "the import"} does not exist; imports are meant from ${shown}, or are Google's well-known types`;
}

import { createHash } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { builtinModules, createRequire, SourceMap } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BuildFailure, BuildResult, Message } from "esbuild";
import { names as inserted, instrument } from "./instrument.js";

/** A module with everything that it imports, as one script. */
export interface Bundle {
  /** Absolute path of the module. */
  readonly file: string;
  /** Absolute: the module's package, or its folder when it has none. What the module's URLs begin at, and what it may read. */
  readonly root: string;
  readonly code: string;
  /** From places in `code` to the files they came from, absolute paths. */
  readonly sourceMap: SourceMap;
  /** sha-256 of the code, hex. */
  readonly digest: string;
}

/** The URL of the root as the module's own code sees it: the same on every machine. */
export const rootUrl = "file:///service/";

/** Modules of Node that a realm has, or has a part of. */
const provided = ["buffer", "crypto", "fs", "url", "util"];
const sdk = "@synod/state-machine";

const here = path.dirname(fileURLToPath(import.meta.url));
const bufferGlobal = ["js", "ts"]
  .map((extension) => path.join(here, "inside", `buffer.${extension}`))
  .find((file) => existsSync(file)) as string;
const require = createRequire(import.meta.url);
const bufferPackage = path.dirname(require.resolve("buffer/index.js"));

interface Kept {
  readonly bundle: Bundle;
  /** Times of change of all files in it. */
  readonly changed: ReadonlyMap<string, number>;
}

const kept = new Map<string, Kept>();

/** Bundles a module. Throws an Error that says what is wrong with it, or with what it imports. */
export function bundleOf(file: string): Bundle {
  const known = kept.get(file);
  if (known !== undefined && [...known.changed].every(([input, time]) => changedAt(input) === time))
    return known.bundle;
  const root = rootOf(file);
  const result = built(file, root);
  const refused = refusedImports(result, root);
  if (refused.length > 0) throw new Error(refused.join("\n"));
  const [map, script] = ["map", "js"].map((end) =>
    result.outputFiles.find((each) => each.path.endsWith(end)),
  );
  const payload = JSON.parse(map?.text ?? "{}") as ConstructorParameters<typeof SourceMap>[0];
  // Sources are named as seen from the output, which would stand in the root.
  const sources = payload.sources.map((source) => path.resolve(root, source));
  const sourceMap = new SourceMap({ ...payload, sources });
  const urlAt = (line: number, column: number) => {
    const { originalSource: source = file } = sourceMap.findEntry(line - 1, column) as {
      originalSource?: string;
    };
    return `${rootUrl}${path.relative(root, source).split(path.sep).join("/")}`;
  };
  const code = instrument(script?.text ?? "", urlAt);
  const names = Object.keys(result.metafile.inputs);
  const digest = createHash("sha256").update(withoutPlaces(code, names)).digest("hex");
  const bundle = { file, root, code, sourceMap, digest };
  const inputs = names.map((input) => path.resolve(root, input));
  kept.set(file, { bundle, changed: new Map(inputs.map((input) => [input, changedAt(input)])) });
  return bundle;
}

/** Two replicas have the same build wherever its files lie; the bundler names each file by the way to it. */
function withoutPlaces(code: string, inputs: readonly string[]): string {
  const named = (input: string) =>
    (/.*node_modules\/(.+)/.exec(input) ?? /([^/]+)$/.exec(input))?.[1] ?? input;
  return inputs
    .toSorted((a, b) => b.length - a.length)
    .reduce(
      (text, input) => text.replaceAll(`// ${input}\n`, "").replaceAll(`"${input}"`, `"${named(input)}"`),
      code,
    );
}

type Built = BuildResult<{ write: false; metafile: true }>;

function built(file: string, root: string): Built {
  // Loaded when it is needed: most processes bundle nothing, and would start later.
  const { buildSync } = require("esbuild") as typeof import("esbuild");
  const specifier = JSON.stringify(`./${path.basename(file)}`);
  try {
    return buildSync({
      stdin: {
        contents: `export * as service from ${specifier};`,
        resolveDir: path.dirname(file),
        sourcefile: path.join(root, "synod-service-entry.js"),
      },
      inject: [bufferGlobal],
      alias: { buffer: bufferPackage, "node:buffer": bufferPackage },
      absWorkingDir: root,
      outfile: path.join(root, "synod-service-bundle.js"),
      bundle: true,
      write: false,
      metafile: true,
      sourcemap: "external",
      sourcesContent: false,
      format: "cjs",
      // Builds of packages for browsers do without Node's modules, which a realm does not have.
      platform: "browser",
      target: "es2023",
      charset: "utf8",
      logLevel: "silent",
      // V8's versions compute powers differently; the realm brings its own Math.pow.
      supported: { "exponent-operator": false, "dynamic-import": false },
      define: {
        global: "globalThis",
        "import.meta.url": inserted.url,
        "process.env.NODE_ENV": '"production"',
      },
      external: [sdk, `${sdk}/*`, "node:*", ...builtinModules.filter((name) => name !== "buffer")],
    });
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined) throw error;
    throw new Error(errors.map((message) => told(message, root)).join("\n"));
  }
}

function told({ text, location }: Message, root: string): string {
  const words = text.startsWith("Top-level await")
    ? "it uses await at its top level: expected a module that needs nothing but itself to be loaded"
    : text;
  if (location === null) return words;
  return `${words} (${path.resolve(root, location.file)}:${location.line}:${location.column + 1})`;
}

/**
 * A sentence for each import of a module that the realm does not have. Asking for one by `require` may be a probe: it
 * throws where it is asked for, if it is.
 */
function refusedImports({ metafile }: Built, root: string): string[] {
  const used = new Set(
    Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path: name }) => name)),
  );
  const has = (name: string) => name === sdk || provided.includes(name.replace(/^node:/, ""));
  const refused = new Map<string, string>();
  for (const [asker, { imports }] of Object.entries(metafile.inputs))
    for (const { path: name, kind, external } of imports)
      if (
        external === true &&
        kind === "import-statement" &&
        used.has(name) &&
        !has(name) &&
        !refused.has(name)
      )
        refused.set(name, asker);
  return [...refused].map(([name, asker]) => refusal(name, path.resolve(root, asker)));
}

function refusal(name: string, asker: string): string {
  const owner = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(asker)?.[1];
  const who = owner === undefined ? asker : `the package ${owner} (${asker})`;
  return (
    `${who} imports "${name}", which handlers do not have: expected imports that compute only from what they are given; ` +
    `of Node's modules there are ${provided.join(", ")}, in part. Put what needs others in a module that only clients or tests import`
  );
}

/** The folder of the nearest package.json above a file; the file's own folder when there is none. */
function rootOf(file: string): string {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, "package.json"))) return realpathSync(folder);
    if (folder === path.dirname(folder)) return realpathSync(path.dirname(file));
  }
}

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** As a stack trace names it. */
export function nameOf({ file }: Bundle): string {
  return pathToFileURL(file).href;
}

// node scripts/pack.mjs --out DIR
// Packs every package and service as `npm publish` would, and prints the tarballs' paths, one a line. Build first.
// What is packed differs from the folder: internal dependencies name exact versions (in the repository they are "*"),
// and exports have no "source" condition, which is for the repository's own tests.
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { root } from "./steps.mjs";

/**
 * @typedef {{ name: string, version: string, private?: boolean, files: string[], exports?: Record<string, unknown>,
 *   bin?: Record<string, string>, dependencies?: Record<string, string>, scripts?: object, devDependencies?: object }} Manifest
 * @typedef {{ folder: string, manifest: Manifest }} Workspace
 */

/** @returns {Workspace[]} */
function workspaces() {
  return ["packages", "services"]
    .flatMap((parent) => readdirSync(path.join(root, parent)).map((name) => path.join(root, parent, name)))
    .filter((folder) => existsSync(path.join(folder, "package.json")))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")),
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

/**
 * The manifest as a user gets it.
 * @param {Manifest} manifest
 * @param {ReadonlyMap<string, string>} versions of the packages here
 */
export function publishedManifest(manifest, versions) {
  const { scripts: _, devDependencies: __, ...published } = manifest;
  const dependencies = Object.entries(manifest.dependencies ?? {}).map(([name, range]) => {
    const version = versions.get(name);
    if (version === undefined && range === "*")
      throw new Error(`${manifest.name}: no package ${name} here to depend on`);
    return [name, version ?? range];
  });
  return {
    ...published,
    ...(manifest.exports ? { exports: withoutSource(manifest.exports) } : {}),
    files: [...manifest.files, "!dist/.tsbuildinfo"],
    dependencies: Object.fromEntries(dependencies),
  };
}

/**
 * @param {unknown} exported
 * @returns {unknown}
 */
function withoutSource(exported) {
  if (typeof exported !== "object" || exported === null) return exported;
  const kept = Object.entries(exported).filter(([condition]) => condition !== "source");
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutSource(value)]));
}

/**
 * Every file that a manifest names, by exports or bin, as ./PATH.
 * @param {Pick<Manifest, "exports" | "bin">} manifest
 */
function namedFiles({ exports, bin }) {
  /** @param {unknown} value @returns {string[]} */
  const files = (value) =>
    typeof value === "string" ? [value] : Object.values(/** @type {object} */ (value ?? {})).flatMap(files);
  return [...files(exports), ...files(bin)].map((file) => `./${path.posix.normalize(file)}`);
}

/** @param {Workspace} workspace */
function requireBuilt({ folder, manifest }) {
  const named = namedFiles({
    ...manifest,
    exports: /** @type {any} */ (withoutSource(manifest.exports ?? {})),
  });
  const missing = named.filter((file) => !existsSync(path.join(folder, file)));
  if (missing.length > 0)
    throw new Error(`${manifest.name}: ${missing.join(", ")} missing; run npm run build first`);
}

/**
 * @param {Workspace} workspace
 * @param {ReadonlyMap<string, string>} versions
 * @param {string} out
 * @returns {Promise<string>} the tarball
 */
async function packOne(workspace, versions, out) {
  requireBuilt(workspace);
  const { folder, manifest } = workspace;
  const published = publishedManifest(manifest, versions);
  const temporary = mkdtempSync(path.join(tmpdir(), "synod-pack-"));
  try {
    for (const file of manifest.files) {
      // The protos, for clients in other languages, are not in a package's folder here.
      const source = [folder, root].map((place) => path.join(place, file)).find((each) => existsSync(each));
      if (source !== undefined) cpSync(source, path.join(temporary, file), { recursive: true });
    }
    cpSync(path.join(root, "LICENSE"), path.join(temporary, "LICENSE"));
    writeFileSync(path.join(temporary, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
    const [packed] = JSON.parse(
      await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", out], temporary),
    );
    /** @type {Set<string>} */
    const files = new Set(packed.files.map((/** @type {{ path: string }} */ file) => `./${file.path}`));
    const lacking = namedFiles(JSON.parse(JSON.stringify(published))).filter((file) => !files.has(file));
    if (lacking.length > 0)
      throw new Error(
        `${manifest.name}: its package.json names ${lacking.join(", ")}, which "files" leaves out`,
      );
    return path.join(out, packed.filename);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * @param {string[]} parameters
 * @param {string} folder
 * @returns {Promise<string>} what it printed
 */
function npm(parameters, folder) {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", parameters, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(stdout) : reject(new Error(`npm ${parameters.join(" ")} failed:\n${stderr}`)),
    );
  });
}

/**
 * @param {string} out a folder, made when it is absent
 * @returns {Promise<string[]>} the tarballs
 */
export async function packAll(out) {
  const all = workspaces();
  const versions = new Map(all.map(({ manifest }) => [manifest.name, manifest.version]));
  mkdirSync(out, { recursive: true });
  const tarballs = [];
  for (const workspace of all) tarballs.push(await packOne(workspace, versions, path.resolve(out)));
  return tarballs;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { values } = parseArgs({ options: { out: { type: "string" } } });
    if (values.out === undefined) throw new Error("expected --out DIR, where the tarballs go");
    for (const tarball of await packAll(values.out)) console.log(tarball);
  } catch (error) {
    console.error(`pack: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

// A temporary copy of this repository, to plant faults in.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The repository's root. */
export const root = path.join(import.meta.dirname, "../../..");

/**
 * Copies every file that git tracks or would track. Installed packages are linked, but the workspace's own
 * packages link to the copy's, so that nothing in it reaches back.
 * @returns {{ folder: string, remove: () => void }}
 */
export function copyOfRepository() {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-copy-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  for (const file of listed.split("\0")) {
    const source = path.join(root, file);
    if (file === "" || !existsSync(source)) continue;
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    copyFileSync(source, path.join(folder, file));
  }
  for (const parent of ["", ...["packages", "services"].flatMap(children), "test"])
    linkInstalled(folder, parent);
  execFileSync("git", ["init", "--quiet"], { cwd: folder });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A copy that has what was built here as well: services start from it at once. */
export function builtCopy() {
  const copy = copyOfRepository();
  for (const parent of ["packages", "services"].flatMap(children)) {
    const built = path.join(root, parent, "dist");
    if (existsSync(built)) cpSync(built, path.join(copy.folder, parent, "dist"), { recursive: true });
  }
  return copy;
}

/** @param {string} parent */
function children(parent) {
  return readdirSync(path.join(root, parent)).map((name) => path.join(parent, name));
}

/**
 * @param {string} folder
 * @param {string} parent
 */
function linkInstalled(folder, parent) {
  const source = path.join(root, parent, "node_modules");
  if (!existsSync(source)) return;
  const target = path.join(folder, parent, "node_modules");
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(source)) {
    if (name === ".cache") continue;
    // Both hold relative links only, into node_modules or to the workspace's packages.
    if (name === "@synod" || name === ".bin")
      cpSync(path.join(source, name), path.join(target, name), { recursive: true, verbatimSymlinks: true });
    else symlinkSync(path.join(source, name), path.join(target, name));
  }
}

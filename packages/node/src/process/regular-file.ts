import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";

/**
 * The file that a path stands for, symbolic links followed, when it may be replaced: it is a regular file, or there is none yet.
 * Everything else that has a name (a device, a pipe, a directory) is no file of ours, and replacing it would take it away from
 * others.
 */
export type Replaceable = { readonly file: string; readonly exists: boolean } | { readonly found: string };

/** Looks what a path stands for before something is written or renamed over it. Throws the system's error where it cannot look. */
export function replaceable(path: string): Replaceable {
  const named = lstatSync(path, { throwIfNoEntry: false });
  if (named === undefined) return { file: path, exists: false };
  if (!named.isSymbolicLink())
    return named.isFile() ? { file: path, exists: true } : { found: kindOf(named) };
  const meant = statSync(path, { throwIfNoEntry: false });
  if (meant === undefined) return { found: "a symbolic link to nothing" };
  return meant.isFile() ? { file: realpathSync(path), exists: true } : { found: kindOf(meant) };
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a named pipe";
  if (found.isSocket()) return "a socket";
  return "a device";
}

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { getSystemErrorMap } from "node:util";

/** The things that the operating system refused to do, by the name of its call. */
const attempts: Readonly<Record<string, string>> = {
  access: "look at",
  chmod: "change the rights of",
  copyfile: "copy",
  fdatasync: "sync",
  fsync: "sync",
  ftruncate: "shorten",
  lstat: "look at",
  mkdir: "make the directory",
  mkdtemp: "make a temporary directory",
  open: "open",
  opendir: "list",
  read: "read",
  realpath: "look at",
  rename: "rename",
  rm: "remove",
  rmdir: "remove",
  scandir: "list",
  stat: "look at",
  unlink: "remove",
  uv_cwd: "find the working directory",
  write: "write",
};

const advice: Readonly<Record<string, string>> = {
  EACCES: "give a path that this account may use, or run as one that may",
  EDQUOT: "make room there, or give another place",
  EMFILE: "raise the limit of open files (ulimit -n)",
  ENFILE: "raise the system's limit of open files",
  ENOSPC: "make room there, or give another place",
  ENOTDIR: "a part of the path is a file where a directory is expected",
  EPERM: "give a path that this account may use, or run as one that may",
  EROFS: "give a path on a file system that may be written",
};

/** The system's own words for an error, with its code; the message of any other error. */
export function systemReason(error: unknown): string {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  if (words !== undefined && code !== undefined) return `${words} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/** One sentence for a person on what the operating system refused, and what to do; undefined for any other error. */
export function systemSentence(error: unknown): string | undefined {
  const { code, syscall, path, dest } = (error ?? {}) as NodeJS.ErrnoException & { dest?: string };
  const attempt = attempts[syscall ?? ""];
  if (code === undefined || attempt === undefined) return undefined;
  const what = path === undefined ? attempt : `${attempt} ${path}${dest === undefined ? "" : ` to ${dest}`}`;
  const next = adviceFor(code, syscall);
  return `cannot ${what}: ${systemReason(error)}${next === undefined ? "" : `; ${next}`}`;
}

function adviceFor(code: string, syscall: string | undefined): string | undefined {
  if (syscall === "uv_cwd") return "change to a directory that is there";
  if (syscall === "mkdtemp") return "TMPDIR has to name a directory that this account may write";
  return advice[code];
}

/** Makes a directory and those above it. Node calls a file system that may not be written a path that is not there. */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") makeFirst(directory);
    throw error;
  }
}

/** Makes the first directory that is not there, for the error that stands in the way of it. */
function makeFirst(directory: string): void {
  const above = path.dirname(directory);
  if (above !== directory && !existsSync(above)) makeFirst(above);
  else mkdirSync(directory);
}

// Some scripts need more than Node and npm: programs, libraries, or rights. Each need has a name here, what it is, and how to get it,
// so that whoever lacks one is told that, and not only that a promise does not hold.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { faketimeLibrary } from "./faketime.mjs";

/** @typedef {{ has: () => boolean, what: string, get: string }} Need */

/** @param {string} program @param {string[]} parameters */
const runs = (program, ...parameters) => spawnSync(program, parameters).status === 0;

const anotherAccount = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

export const needs = /** @satisfies {Record<string, Need>} */ ({
  strace: {
    has: () => runs("strace", "-qq", "-o", "/dev/null", "true"),
    what: "strace, and the right to trace",
    get: "apt-get install strace; a container needs --cap-add=SYS_PTRACE",
  },
  faketime: {
    has: () => faketimeLibrary() !== undefined,
    what: "libfaketime",
    get: "apt-get install faketime",
  },
  tmpfs: {
    has: canMount,
    what: "the right to mount a tmpfs",
    get: "run it as root; a container needs --privileged",
  },
  "mount namespaces": {
    has: () => runs("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"),
    what: "unshare, and the right to mount in a namespace of one's own",
    get: "apt-get install util-linux, and run it as root; a container needs --privileged",
  },
  "other accounts": {
    has: () => runs("setpriv", ...anotherAccount, "test", "-r", import.meta.filename),
    what: "setpriv, the right to run as another account, and a checkout that every account may read",
    get: "apt-get install util-linux, run it as root, and chmod a+rx the folders above the checkout",
  },
  python: {
    has: () => runs("/usr/bin/python3", "-c", "import grpc, google.protobuf"),
    what: "gRPC for /usr/bin/python3",
    get: "apt-get install python3-grpcio python3-protobuf",
  },
  "python generators": {
    has: () => ["/usr/bin/protoc", "/usr/bin/grpc_python_plugin"].every((program) => existsSync(program)),
    what: "protoc with its plugin for Python",
    get: "apt-get install protobuf-compiler protobuf-compiler-grpc",
  },
  go: {
    has: () => runs("go", "version"),
    what: "Go, which fetches its modules from its proxy",
    get: "install it from https://go.dev/dl",
  },
  git: { has: () => runs("git", "--version"), what: "git", get: "apt-get install git" },
});

function canMount() {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(path.join(tmpdir(), "synod-probe-"));
  try {
    return runs("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder) && runs("umount", folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A script cannot show anything here: something that it needs is not there. */
export class Lacking extends Error {}

/**
 * What is not here, each with how to get it; undefined when all is.
 * @param {(keyof typeof needs)[]} names
 */
export function lackOf(...names) {
  const absent = names.map((name) => needs[name]).filter(({ has }) => !has());
  if (absent.length === 0) return undefined;
  return absent.map(({ what, get }) => `it needs ${what} (${get})`).join("; ");
}

/**
 * What is missing for a part that is left out then. Throws with CI set, where a check that is left out would pass for one that is
 * green.
 * @param {(keyof typeof needs)[]} names
 */
export function missing(...names) {
  const lack = lackOf(...names);
  if (lack !== undefined && process.env.CI) throw new Lacking(`${lack}; with CI set nothing is left out`);
  return lack;
}

/** Throws Lacking when anything is missing. @param {(keyof typeof needs)[]} names */
export function need(...names) {
  const lack = lackOf(...names);
  if (lack !== undefined) throw new Lacking(lack);
}

/** The words for a program that a script started and that is not there; undefined for any other error. @param {unknown} error */
export function lackedProgram(error) {
  const { code, syscall, path: program } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  if (code !== "ENOENT" || !syscall?.startsWith("spawn")) return undefined;
  return `it needs the program ${program}, which is not installed here`;
}

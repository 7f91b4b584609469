import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The place where a service was defined in this process: the files that had called `define`, the innermost first. */
export interface Origin {
  readonly files: readonly string[];
  /** It came with Synod itself: its handlers are known to be deterministic, and run in the process's own realm. */
  readonly builtIn: boolean;
}

const ownFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const servicesFolder = `${path.join(ownFolder, "services")}${path.sep}`;
const maxFrames = 50;

/** Of the caller of `define`. Read from a stack trace: nothing else tells which module is being evaluated. */
export function originHere(): Origin {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = maxFrames;
  const frames = (new Error().stack ?? "").split("\n").slice(1).flatMap(fileOf);
  Error.stackTraceLimit = limit;
  const others = frames.filter((file) => !file.startsWith(`${ownFolder}${path.sep}`));
  // Behind the modules that define it stands whoever loads them, such as a test runner.
  const loader = others.findIndex(
    (file, index) => index > 0 && isOfPackage(file) && !isOfPackage(others[0] ?? ""),
  );
  const callers = loader < 0 ? others : others.slice(0, loader);
  const builtIn = frames.some((file) => file.startsWith(servicesFolder));
  return { files: builtIn ? [] : [...new Set(callers)], builtIn };
}

function isOfPackage(file: string): boolean {
  return file.split(path.sep).includes("node_modules");
}

function fileOf(frame: string): string[] {
  const found = /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?)(?:\?[^:()]*)?:\d+:\d+\)?$/.exec(frame);
  if (found?.[1] === undefined) return [];
  const file = found[1].startsWith("file://") ? fileURLToPath(found[1]) : found[1];
  return existsSync(file) ? [file] : [];
}

import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { storeFailure } from "./error.js";

const executingFile = "executing";
const heldFile = "held";
const heldNewFile = "held.new";

/** The names of the files, which say nothing about a store. */
export const markerFiles: ReadonlySet<string> = new Set([executingFile, heldFile, heldNewFile]);

/** The bytes of `executing`, always as many: a record replaces all of the one before it. */
export const recordBytes = 1024;

/** The two small files of an execution marker, opened: on a disk, or in memory. */
export interface MarkerFiles {
  /** The directory that they are in, for people. */
  readonly directory: string;
  /** Of `executing`, for whoever has to write into it while this process cannot; undefined in memory. */
  readonly descriptor: number | undefined;
  /** The content of each as it was found; undefined where there was no such file. */
  readonly executing: string | undefined;
  readonly held: string | undefined;
  /** Replaces `executing`, and does not sync it. */
  writeExecuting(record: Uint8Array): void;
  /** Replaces `held`: it is on disk when this returns. Throws StoreError `failed`. */
  writeHeld(text: string): void;
  close(): void;
}

/** Opens the files in a directory. Throws StoreError `failed`. */
export function openMarkerFiles(directory: string): MarkerFiles {
  const at = path.join(directory, executingFile);
  try {
    const [executing, held] = [textOf(at), textOf(path.join(directory, heldFile))];
    const descriptor = openSync(at, constants.O_RDWR | constants.O_CREAT, 0o644);
    ftruncateSync(descriptor, recordBytes);
    return {
      ...{ directory, descriptor, executing, held },
      writeExecuting: (record) => void writeSync(descriptor, record, 0, recordBytes, 0),
      writeHeld: (text) => replaceHeld(directory, text),
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    throw storeFailure(directory, `opening ${at}`, error);
  }
}

function replaceHeld(directory: string, text: string): void {
  const [from, to] = [path.join(directory, heldNewFile), path.join(directory, heldFile)];
  try {
    writeSynced(from, text);
    renameSync(from, to);
    syncEntry(directory);
  } catch (error) {
    throw storeFailure(directory, `writing ${to}`, error);
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeSynced(file: string, text: string): void {
  const descriptor = openSync(file, "w", 0o644);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncEntry(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { makeDirectory, replaceable } from "@synod/node/surroundings";
import { Failure } from "./failure.js";

/**
 * Gives a file its text in one rename: on a full disk, after a power cut, and at the same time, whoever reads it finds the text that
 * it had or this one, never a part. One that has the text already is left alone. Throws a Failure when something else than a file has
 * the name, and the system's error when it cannot be written.
 */
export function writeWhole(file: string, text: string): void {
  const place = replaceable(file);
  if ("found" in place) throw new Failure(`expected a file or nothing at ${file}, found ${place.found}`);
  if (place.exists && readFileSync(place.file, "utf8") === text) return;
  const partial = `${place.file}.${process.pid}.partial`;
  makeDirectory(path.dirname(partial));
  try {
    rmSync(partial, { force: true });
    writeFileSync(partial, text, { flag: "wx", flush: true });
    renameSync(partial, place.file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

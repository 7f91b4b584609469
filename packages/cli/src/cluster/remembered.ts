import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { replaceable, systemReason, systemSentence } from "@synod/node/surroundings";
import { exitCode, Failure, reasonOf } from "../failure.js";
import { writeWhole } from "../whole-file.js";
import type { Plan, RoleName } from "./plan.js";

export interface RememberedMember {
  readonly role: RoleName;
  readonly id: string;
  readonly address: string;
}

/** The note that `up` leaves for other commands run in the same directory. */
export interface Remembered {
  /** The cluster's id: at the same addresses another one may run by now. */
  readonly cluster: string;
  /** The data directory, from the working directory, so that both may be renamed together. */
  readonly data: string;
  /** The identity of that directory when the cluster was started: a copy has another one. */
  readonly place: string;
  readonly members: readonly RememberedMember[];
}

/** `.synod/current.json` under a working directory. */
export function rememberedPath(workingDirectory: string): string {
  return path.join(workingDirectory, ".synod", "current.json");
}

/**
 * Notes the cluster that `up` starts in the working directory; it stays noted when the cluster stops, so that `status` can say so.
 * A cluster does without the note. Returns what to do instead when it cannot be written; undefined when it was.
 */
export function remember(
  { directory, members }: Plan,
  cluster: string,
  workingDirectory = process.cwd(),
): string | undefined {
  const file = rememberedPath(workingDirectory);
  const noted: Remembered = {
    cluster,
    data: path.relative(workingDirectory, directory),
    place: placeOf(directory) ?? "",
    members: members.map(({ role, id, address }) => ({ role, id, address })),
  };
  try {
    writeWhole(file, `${JSON.stringify(noted, undefined, 2)}\n`);
    return undefined;
  } catch (error) {
    const replica = members.find(({ role }) => role === "replica")?.address;
    return `${systemSentence(error) ?? reasonOf(error)}. Commands in this directory do not find the cluster by themselves: give them --replica ${replica}`;
  }
}

/** The note found here. Throws a Failure when it cannot be read, or is a copy of one made elsewhere. */
export function recall(workingDirectory: string): Remembered | undefined {
  const file = rememberedPath(workingDirectory);
  let text: string;
  try {
    const place = replaceable(file);
    if ("found" in place)
      throw new Failure(
        `expected a file or nothing at ${file}, found ${place.found}: give --replica ADDRESS`,
      );
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Failure(`cannot read ${file}: ${systemReason(error)}; give --replica ADDRESS`);
  }
  const found = parsed(text);
  if (found === undefined) {
    const advice = "delete it, or give --replica ADDRESS";
    throw new Failure(`${file} does not name a cluster as synod up writes it: ${advice}`, exitCode.usage);
  }
  requireNoCopy(found, path.resolve(workingDirectory, found.data));
  return found;
}

function parsed(text: string): Remembered | undefined {
  try {
    const found = JSON.parse(text) as Partial<Remembered>;
    const { cluster, data, place, members } = found;
    const texts = [cluster, data, place].every((each) => typeof each === "string");
    return texts && Array.isArray(members) && members.every(isMember) ? (found as Remembered) : undefined;
  } catch {
    return undefined;
  }
}

/** A copied project has the original's cluster, id and addresses: only the directory itself tells the two apart. */
function requireNoCopy({ cluster, place }: Remembered, data: string): void {
  const found = placeOf(data);
  if (found === undefined || found === place) return;
  throw new Failure(
    `${data} is a copy of the data directory in which cluster ${cluster} was started: commands from here might reach the ` +
      'original. Start the copy with "npx synod up", or name a replica with --replica HOST:PORT',
  );
}

/** Stays the same when a directory is renamed, and is another one's for a copy; undefined when there is none. */
function placeOf(directory: string): string | undefined {
  try {
    const { dev, ino } = statSync(directory, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function isMember(member: unknown): boolean {
  const { role, id, address } = (member ?? {}) as Record<string, unknown>;
  return [role, id, address].every((text) => typeof text === "string");
}

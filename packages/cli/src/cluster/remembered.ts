import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { exitCode, Failure, reasonOf } from "../failure.js";
import type { Plan, RoleName } from "./plan.js";

export interface RememberedMember {
  readonly role: RoleName;
  readonly id: string;
  readonly address: string;
}

/** What `up` leaves for the other commands run in the same directory. */
export interface Remembered {
  /** The data directory, absolute. */
  readonly data: string;
  readonly members: readonly RememberedMember[];
}

/** `.synod/current.json` under a working directory. */
export function rememberedPath(workingDirectory: string): string {
  return path.join(workingDirectory, ".synod", "current.json");
}

/** Notes the cluster that `up` starts here; it stays noted when the cluster stops, so that `status` can say so. */
export function remember(workingDirectory: string, { directory, members }: Plan): void {
  const file = rememberedPath(workingDirectory);
  const noted: Remembered = {
    data: directory,
    members: members.map(({ role, id, address }) => ({ role, id, address })),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(noted, undefined, 2)}\n`);
}

export function recall(workingDirectory: string): Remembered | undefined {
  const file = rememberedPath(workingDirectory);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Failure(`cannot read ${file}: ${reasonOf(error)}`);
  }
  try {
    const found = JSON.parse(text) as Partial<Remembered>;
    if (typeof found.data === "string" && Array.isArray(found.members) && found.members.every(isMember)) {
      return found as Remembered;
    }
  } catch {
    // Falls through to the same advice.
  }
  const advice = "delete it, or give --replica ADDRESS";
  throw new Failure(`${file} does not name a cluster as synod up writes it: ${advice}`, exitCode.usage);
}

function isMember(member: unknown): boolean {
  const { role, id, address } = (member ?? {}) as Record<string, unknown>;
  return [role, id, address].every((text) => typeof text === "string");
}

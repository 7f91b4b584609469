import { existsSync } from "node:fs";
import { type ClusterFile, ConfigurationError, clusterIdOf, readClusterFile } from "@synod/node";
import { exitCode, Failure } from "../failure.js";

/** WINDOW of configuration 1 in clusters that `up` makes. */
export const defaultWindow = 256;

/** The cluster file at a path; undefined when there is none. Throws a Failure that names every problem. */
export function clusterFileAt(file: string): ClusterFile | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readClusterFile(file);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new Failure(error.problems.join("\n"), exitCode.usage);
    throw error;
  }
}

/** The id of the cluster whose file is at a path. Throws a Failure when there is none. */
export function clusterIdAt(file: string): string {
  const found = clusterFileAt(file);
  if (found === undefined) throw new Failure(`expected a cluster file, found nothing at ${file}`);
  return clusterIdOf(found);
}

import { makeDirectory } from "@synod/node/surroundings";
import { type Ownership, ownDirectory, StoreError } from "@synod/storage";
import { exitCode, Failure } from "../failure.js";

/** Makes this process the only `synod up` on a data directory until it releases it, or ends in whatever way. */
export async function ownDataDirectory(directory: string): Promise<Ownership> {
  makeDirectory(directory);
  try {
    return await ownDirectory(directory);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Failure(error.message, error.reason === "owned" ? exitCode.owned : exitCode.failed);
  }
}

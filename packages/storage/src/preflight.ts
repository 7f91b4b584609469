import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { damagedStore, StoreError, type StorePlace, storeFailure } from "./error.js";
import { identityKey, type StoreKind, storeFormats } from "./identity.js";
import { checkFile, type RecordCheck } from "./lmdb-check.js";
import { LmdbFile, UnsoundFile } from "./lmdb-file.js";
import { flawIn, formatOf } from "./seal.js";

const metaName = "meta";
/** Databases whose records are sealed. */
const sealed = new Set([metaName, "accepted", "state", "state-2", "log"]);

/**
 * lmdb trusts its file: what changed there is served, leads a search astray, has pages in use written over, or ends the
 * process with a segmentation fault. So before lmdb opens it all of the file is read and checked, if there is one. Takes
 * some seconds for a gigabyte. Throws StoreError `damaged` or `failed`.
 */
export async function checkDataFile(place: StorePlace, dataFile: string, lockFile: string): Promise<void> {
  const { directory } = place;
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const file of [dataFile, lockFile])
      await access(file, constants.R_OK | constants.W_OK).catch(ignoreAbsence);
    const found = await stat(dataFile).catch(ignoreAbsence);
    if (!found || found.size === 0) return; // made, and nothing written yet: lmdb starts afresh
    const file = new LmdbFile(dataFile);
    try {
      for (const _ of checkFile(file, file.newestMeta(), sealCheck(place.kind)));
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof UnsoundFile)
      throw damagedStore(place, `data.mdb is damaged: ${error.message}`, error);
    if (error instanceof StoreError) throw error;
    throw storeFailure(directory, "reading the data directory", error);
  }
}

/**
 * Checks the seals of all records of a store of this format. Of another one the identity says so, which comes before the
 * state: what cannot be judged is left to whoever reads that, and refuses the store by its format.
 */
export function sealCheck(kind: StoreKind): RecordCheck {
  let judges = true;
  return (database, key, record) => {
    if (database === metaName && key.equals(identityKey)) judges = formatOf(record) === storeFormats[kind];
    return judges && sealed.has(database) ? flawIn(key, record) : undefined;
  };
}

function ignoreAbsence(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

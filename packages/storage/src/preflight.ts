import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { damagedStore, StoreError, type StorePlace, storeFailure } from "./error.js";

/*
 * lmdb-js ends the process with a segmentation fault when the file it opens is no database, or may not be read. So
 * what its `mdb_env_open` would refuse is found here first, with an error that says what to do. The layout is that of
 * liblmdb's `MDB_page` and `MDB_meta` in its data format 2, on machines that store the least byte first.
 *
 * Only what can never be true of a sound file is refused. Pages missing at the end of a file can be sound (allocated
 * and given back within one transaction), so a file cut short may pass; reading what it lacks ends the process with
 * SIGBUS. Data it never becomes.
 */

const metaBytes = 160;
const flagsAt = 18;
const metaFlag = 0x08;
const magicAt = 24;
const magic = 0xbeefc0de;
const versionAt = 28;
const dataVersion = 2;
const pageBytesAt = 48;
/** Root pages of the two trees that every environment has. */
const rootsAt = [88, 136];
const noPage = 2n ** 64n - 1n;
const transactionAt = 152;

/** Checks the head of an lmdb data file, if there is one. Throws StoreError `damaged` or `failed`. */
export async function checkDataFile(place: StorePlace, dataFile: string, lockFile: string): Promise<void> {
  const { directory } = place;
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const file of [dataFile, lockFile])
      await access(file, constants.R_OK | constants.W_OK).catch(ignoreAbsence);
    const handle = await open(dataFile, "r").catch(ignoreAbsence);
    if (!handle) return;
    try {
      const { size } = await handle.stat();
      if (size === 0) return; // made, and nothing written yet: lmdb starts afresh
      const read = async (position: number) => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(metaBytes), 0, metaBytes, position);
        return bytesRead === metaBytes ? buffer : undefined;
      };
      const first = await read(0);
      const pageBytes = first && soundMeta(first) ? first.readUInt32LE(pageBytesAt) : 0;
      const second = pageBytes > 0 ? await read(pageBytes) : undefined;
      if (!first || !second || !soundMeta(second))
        throw damaged(place, "its first two pages are no lmdb heads");
      const newest =
        first.readBigUInt64LE(transactionAt) > second.readBigUInt64LE(transactionAt) ? first : second;
      for (const at of rootsAt) {
        const root = newest.readBigUInt64LE(at);
        if (root !== noPage && (root + 1n) * BigInt(pageBytes) > BigInt(size))
          throw damaged(place, `it has ${size} bytes, and page ${root} is needed`);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw storeFailure(directory, "reading the data directory", error);
  }
}

function soundMeta(page: Buffer): boolean {
  const pageBytes = page.readUInt32LE(pageBytesAt);
  return (
    (page.readUInt16LE(flagsAt) & metaFlag) !== 0 &&
    page.readUInt32LE(magicAt) === magic &&
    (page.readUInt32LE(versionAt) & 0xffff) === dataVersion &&
    pageBytes >= 512 &&
    pageBytes <= 65_536
  );
}

function damaged(place: StorePlace, found: string): StoreError {
  return damagedStore(place, `the database cannot be opened (${found})`);
}

function ignoreAbsence(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

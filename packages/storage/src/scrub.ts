import path from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Environment } from "./environment.js";
import { damagedStore, type StoreError, storeFailure } from "./error.js";
import { checkFile } from "./lmdb-check.js";
import { LmdbFile, type Meta, UnsoundFile } from "./lmdb-file.js";
import { sealCheck } from "./preflight.js";

/** From the end of one pass to the next, at least; and so many times what the pass took of the processor. */
const everyMs = 10_000;
const restTimes = 50;
/** Of a pass, at one go; then it rests, so that whatever else there is to do waits for no longer. */
const sliceMs = 2;
const sliceRestMs = 40;
/** The heads are read while lmdb writes them: one that looks wrong is looked at again. */
const headTries = 5;
const headAgainMs = 100;

/**
 * Reads all of the file again and again while the process runs, as it was read at its start: what changes there is found
 * though nobody asks for it, before it is all that is left. A transaction of lmdb keeps what a pass reads from being written
 * over.
 */
export class Scrub {
  readonly #environment: Environment;
  readonly #tell: (error: StoreError) => void;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #letGo: (() => void) | undefined;
  #stopped = false;

  /** `tell` is called once, with StoreError `damaged` or `failed`; the process must end then. */
  constructor(environment: Environment, tell: (error: StoreError) => void, firstAfterMs = everyMs) {
    this.#environment = environment;
    this.#tell = tell;
    this.#everyMs = firstAfterMs;
    this.#arm(firstAfterMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#letGo?.();
  }

  #arm(afterMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#pass(), afterMs);
    this.#timer.unref();
  }

  async #pass(): Promise<void> {
    const { place, directory } = this.#environment;
    let workedMs = 0;
    try {
      const file = this.#begin();
      const meta = await this.#meta(file);
      let since = performance.now();
      for (const _ of checkFile(file, meta, sealCheck(place.kind))) {
        if (performance.now() - since < sliceMs) continue;
        workedMs += performance.now() - since;
        await delay(sliceRestMs, undefined, { ref: false });
        if (this.#stopped) return;
        since = performance.now();
      }
    } catch (error) {
      if (this.#stopped) return;
      this.#stopped = true;
      this.#tell(
        error instanceof UnsoundFile
          ? damagedStore(place, `data.mdb is damaged: ${error.message}`, error)
          : storeFailure(directory, "reading data.mdb", error),
      );
    } finally {
      this.#letGo?.();
    }
    this.#arm(Math.max(this.#everyMs, restTimes * workedMs));
  }

  /** Begins a transaction: the pages that it sees, and all later ones, stay until it is let go. */
  #begin(): LmdbFile {
    const file = new LmdbFile(path.join(this.#environment.directory, "data.mdb"));
    let transaction: ReturnType<Environment["pin"]> | undefined;
    this.#letGo = () => {
      this.#letGo = undefined;
      transaction?.done();
      file.close();
    };
    transaction = this.#environment.pin();
    return file;
  }

  async #meta(file: LmdbFile): Promise<Meta> {
    for (let left = headTries; ; left--) {
      try {
        return file.newestMeta();
      } catch (error) {
        if (!(error instanceof UnsoundFile) || left === 1 || this.#stopped) throw error;
        await delay(headAgainMs, undefined, { ref: false });
      }
    }
  }
}

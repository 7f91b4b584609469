import { type Install, maxPutEntries, type StateEntry } from "@synod/storage";
import type { SnapshotPage } from "@synod/wire";

/** So many bytes of keys and values may wait for the disk before whoever takes pages in has to wait too. */
const maxWaitingBytes = 2 << 20;

/**
 * Writes the pages of a snapshot that comes in. While a commit is under way the next pages gather, and share the next one: a disk
 * whose syncs take long, because others use it too, slows a transfer down less.
 */
export class InstallWriter {
  readonly #install: Install;
  #waiting: StateEntry[] = [];
  #waitingBytes = 0;
  #digest: Uint8Array;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(install: Install) {
    this.#install = install;
    this.#digest = install.progress;
  }

  /** Resolves when there is room for another page. Rejects with the reason once a write has failed. */
  async take({ entries, digest }: SnapshotPage): Promise<void> {
    while (this.#writing !== undefined && !this.#fits(entries)) await this.#writing;
    this.#throwFailure();
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#waitingBytes += entry[0].length + entry[1].length;
    }
    this.#digest = digest;
    this.#write();
  }

  /** Resolves when all that was taken is durable. */
  async end(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#throwFailure();
  }

  #fits(entries: readonly StateEntry[]): boolean {
    return this.#waitingBytes < maxWaitingBytes && this.#waiting.length + entries.length <= maxPutEntries;
  }

  #write(): void {
    if (this.#writing !== undefined || this.#waiting.length === 0 || this.#failure !== undefined) return;
    const entries = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writing = this.#install
      .put(entries, this.#digest)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#writing = undefined;
        this.#write();
      });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

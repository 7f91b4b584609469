// A user of locks, by the client library. It makes one call after the other and notes each answer together with what
// names the command in the log, so that the two can be held against each other afterwards.
import { connect, SynodError } from "@synod/client";

/**
 * @typedef {{ clientId: string, sequence: number, service: string, method: string, asked: Record<string, unknown>,
 *   written?: string, sentAtMs: number, receivedAtMs: number, answer: Record<string, any> }} Note
 *   `asked` is the request to a lock, `written` the token that a guarded write came with. `answer` is the response, or
 *   `{ code }` of the error that the service answered with. Bytes are noted as text.
 */

export const lockService = "synod.lock.v1.Lock";
export const storeService = "synod.kv.v1.KeyValue";

/** The clock that all processes of a machine share, and that nobody sets. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** The key that a lock protects. @param {string} lock */
export const guardedKey = (lock) => `guarded-by-${lock}`;

/** Whoever waits learns by asking; not so often that asking is all that the log is full of. */
const askEveryMs = 10;

export class LockCaller {
  #client;
  /** @type {Record<string, Record<string, (request: object) => Promise<Record<string, any>>>>} */
  #services;
  #sequence = 0;
  /** @type {Note[]} */
  #notes = [];
  #lock;

  /** @param {{ replicas: string[], lock: string, sendToAll?: boolean }} options */
  constructor({ replicas, lock, sendToAll = false }) {
    this.#client = connect({ replicas, deadlineMs: 60_000, sendToAll });
    this.#lock = lock;
    this.#services = {
      [lockService]: this.#client.service(lockService),
      [storeService]: this.#client.service(storeService),
    };
  }

  /** What was noted since the last time. */
  takeNotes() {
    return this.#notes.splice(0);
  }

  close() {
    this.#client.close();
  }

  /** Asks until the lock is this owner's; its fencing token. @param {string} owner @param {number} ttlMs */
  async acquire(owner, ttlMs) {
    for (;;) {
      const { acquired, fencingToken } = await this.ask(owner, ttlMs);
      if (acquired) return /** @type {string} */ (fencingToken);
      await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    }
  }

  /** @param {string} owner @param {number} ttlMs */
  ask(owner, ttlMs) {
    return this.#call(lockService, "Acquire", { name: this.#lock, owner, ttlMs: String(ttlMs), wait: true });
  }

  /** @param {string} fencingToken @param {number} ttlMs */
  renew(fencingToken, ttlMs) {
    return this.#call(lockService, "Renew", { name: this.#lock, fencingToken, ttlMs: String(ttlMs) });
  }

  /** @param {string} fencingToken */
  release(fencingToken) {
    return this.#call(lockService, "Release", { name: this.#lock, fencingToken });
  }

  /**
   * Writes to what the lock protects, as somebody who believes to hold it. What is there says with which token it was
   * written, and nothing is written over a higher one: not even when that came in between the look and the write.
   * @param {string} fencingToken
   * @returns {Promise<"written" | "stale">}
   */
  async write(fencingToken) {
    const key = guardedKey(this.#lock);
    for (;;) {
      const { found, value } = await this.#call(storeService, "Get", { key });
      const before = found ? JSON.parse(value) : { token: "0", writes: 0 };
      if (BigInt(fencingToken) < BigInt(before.token)) return "stale";
      const next = JSON.stringify({ token: fencingToken, writes: before.writes + 1 });
      const condition = found ? { key, value: Buffer.from(value) } : { key, absent: true };
      const request = { conditions: [condition], writes: [{ key, put: Buffer.from(next) }] };
      const { succeeded } = await this.#call(storeService, "CompareAndSet", request, {
        written: fencingToken,
      });
      if (succeeded) return "written";
    }
  }

  /** @param {string} service @param {string} method @param {Record<string, unknown>} request @param {{ written?: string }} noted */
  async #call(service, method, request, noted = {}) {
    const before = this.#client.clientId;
    const sentAtMs = nowMs();
    /** @type {Record<string, any>} */
    let answer;
    try {
      const response = (await this.#services[service]?.[method]?.(request)) ?? {};
      answer =
        response.value instanceof Uint8Array
          ? { ...response, value: Buffer.from(response.value).toString() }
          : response;
    } catch (error) {
      // An answer of the service is one like any other. Anything else ends the caller: nobody may guess what came of it.
      if (!(error instanceof SynodError) || error.outcome !== "answered") throw error;
      answer = { code: error.code };
    }
    const clientId = this.#client.clientId ?? "";
    if (before !== undefined && before !== clientId) throw new Error(`session ${before} was lost`);
    // Calls come one at a time, and a session counts them from 1.
    this.#sequence += 1;
    const asked = service === lockService ? request : {};
    const receivedAtMs = nowMs();
    this.#notes.push({
      ...{ clientId, sequence: this.#sequence, service, method },
      ...{ asked, ...noted, sentAtMs, receivedAtMs, answer },
    });
    return answer;
  }
}

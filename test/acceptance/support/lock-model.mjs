// Locks as a person would run them on paper from the decided log: who holds, who stands in line, what time it is. It was
// written from lock.proto and paxos.proto and shares no code with the service, nor with the engine that runs it.
import { lockService, storeService } from "./lock-caller.mjs";

/**
 * @typedef {import("./decided-log.mjs").DecidedBatch} DecidedBatch @typedef {import("./decided-log.mjs").DecidedCommand} DecidedCommand
 * @typedef {{ slot: number, index: number }} Place where in the log
 * @typedef {{ owner: string, token: number, ttlMs: number, expiresAtMs: number }} Claim
 * @typedef {{ lock: string, owner: string, token: number, end: "held" | "released" | "expired" }} Grant
 * @typedef {{ place: Place, answer: Record<string, unknown> }} Execution
 * @typedef {Execution & { command: DecidedCommand, again: Execution[] }} Executed a query is executed again where it is repeated
 */

/** Most that proposals move log time together that had not seen where a span began; a lock gets it on top of its time to live. */
const maxStepMs = 200;
const failedPrecondition = 9;

export class LockModel {
  /** Each command's one execution, by session and sequence. @type {Map<string, Executed>} */ executed =
    new Map();
  /** In the order of the log. @type {Grant[]} */ grants = [];
  timeMs = 0;
  firstTimeMs = 0;
  /** Commands decided again that had been executed. */ repeats = 0;
  /** The last slot in which a span of time may have begun. */ #timedSlot = 0;
  #revision = 0;
  /** @type {Map<string, { holder: Claim, line: Claim[] }>} */ #locks = new Map();
  /** @type {Map<string, Grant>} */ #latest = new Map();
  /** @type {Map<string, string>} */ #values = new Map();
  /** What each session has said to have the answers of. @type {Map<string, number>} */ #sessions = new Map();

  /** @param {DecidedBatch[]} log */
  static replay(log) {
    const model = new LockModel();
    for (const decided of log) model.#apply(decided);
    return model;
  }

  /** @param {DecidedBatch} decided */
  #apply({ slot, commands, logTimeMs, beginsLogTime, appliedSlot, appliedLogTimeMs }) {
    const seen = this.#timedSlot <= appliedSlot;
    const countsMs = seen ? logTimeMs : Math.min(logTimeMs, appliedLogTimeMs + maxStepMs);
    if (this.timeMs === 0) this.timeMs = logTimeMs;
    else if (!beginsLogTime) this.timeMs = Math.max(this.timeMs, countsMs);
    this.firstTimeMs ||= this.timeMs;
    for (const [index, command] of commands.entries()) this.#command(command, { slot, index });
    // What ends now ends after the batch, so that a batch may still renew it.
    const due = [...this.#locks].filter(([, { holder }]) => holder.expiresAtMs <= this.timeMs);
    due.sort(([, a], [, b]) => a.holder.expiresAtMs - b.holder.expiresAtMs);
    if (due.length > 0 || commands.some(({ service }) => service !== "synod.v1.Replica"))
      this.#timedSlot = slot;
    for (const [name] of due) {
      this.#revision += 1;
      this.#passOn(name, "expired");
    }
  }

  /** @param {DecidedCommand} command @param {Place} place */
  #command(command, place) {
    const { clientId, sequence, acknowledged, service, method } = command;
    if (service === "synod.v1.Replica") {
      if (method === "OpenSession") this.#sessions.set(`${place.slot}.${place.index}`, 0);
      return;
    }
    // A name's third part is that of the cluster.
    const session = clientId.split(".").slice(0, 2).join(".");
    const before = this.#sessions.get(session);
    if (before === undefined) return;
    const mark = Math.max(before, acknowledged);
    const key = `${clientId}#${sequence}`;
    if (this.executed.has(key)) this.repeats += 1;
    if (sequence <= mark) return;
    this.#sessions.set(session, mark);
    const known = this.executed.get(key);
    if (known && method !== "Get") return;
    this.#revision += 1;
    const answer = this.#answer(command);
    if (known) known.again.push({ place, answer });
    else this.executed.set(key, { command, place, answer, again: [] });
  }

  /** @param {DecidedCommand} command @returns {Record<string, unknown>} */
  #answer({ service, method, request }) {
    if (service === storeService && method === "Get") {
      const value = this.#values.get(request.key);
      return { found: value !== undefined, value: value ?? "" };
    }
    if (service === storeService && method === "CompareAndSet") return this.#compareAndSet(request);
    if (service !== lockService) throw new Error(`the log has ${service}/${method}, which nobody here asks`);
    if (method === "Acquire") return this.#acquire(request);
    if (method === "Renew") return this.#renew(request);
    return this.#release(request);
  }

  /** @param {Record<string, any>} request */
  #acquire({ name, owner, ttlMs }) {
    const claim = { owner, token: this.#revision, ttlMs: Number(ttlMs), expiresAtMs: 0 };
    const lock = this.#locks.get(name);
    if (lock === undefined) {
      const entry = { holder: claim, line: [] };
      this.#locks.set(name, entry);
      this.#grant(name, claim);
      return held(claim);
    }
    if (lock.holder.owner === owner) return held(lock.holder);
    let ahead = lock.line.findIndex((one) => one.owner === owner);
    if (ahead === -1) ahead = lock.line.push(claim) - 1;
    return { acquired: false, fencingToken: String(lock.line[ahead]?.token), expiresAtMs: "0", ahead };
  }

  /** @param {Record<string, any>} request */
  #renew({ name, fencingToken, ttlMs }) {
    const holder = this.#locks.get(name)?.holder;
    if (holder === undefined || holder.token !== Number(fencingToken)) return { code: failedPrecondition };
    holder.ttlMs = Number(ttlMs);
    holder.expiresAtMs = this.timeMs + holder.ttlMs + maxStepMs;
    return { expiresAtMs: String(holder.expiresAtMs) };
  }

  /** @param {Record<string, any>} request */
  #release({ name, fencingToken }) {
    const lock = this.#locks.get(name);
    const token = Number(fencingToken);
    if (lock?.holder.token === token) {
      this.#passOn(name, "released");
      return { released: true };
    }
    const waits = lock?.line.findIndex((claim) => claim.token === token) ?? -1;
    if (waits !== -1) lock?.line.splice(waits, 1);
    return { released: waits !== -1 };
  }

  /** Conditions on values alone are asked here. @param {Record<string, any>} request */
  #compareAndSet({ conditions, writes }) {
    const failedKeys = conditions
      .filter((/** @type {any} */ { key, value }) => this.#values.get(key) !== value?.toString())
      .map((/** @type {any} */ { key }) => key);
    if (failedKeys.length > 0) return { succeeded: false, failedKeys };
    for (const { key, put } of writes) this.#values.set(key, put.toString());
    return { succeeded: true, failedKeys };
  }

  /** @param {string} name @param {"released" | "expired"} end */
  #passOn(name, end) {
    const lock = this.#locks.get(name);
    const ended = this.#latest.get(name);
    if (lock === undefined || ended === undefined) throw new Error(`${name} ends, and nobody holds it`);
    ended.end = end;
    const next = lock.line.shift();
    if (next === undefined) {
      this.#locks.delete(name);
      return;
    }
    lock.holder = next;
    this.#grant(name, next);
  }

  /** @param {string} lock @param {Claim} claim */
  #grant(lock, claim) {
    claim.expiresAtMs = this.timeMs + claim.ttlMs + maxStepMs;
    /** @type {Grant} */
    const grant = { lock, owner: claim.owner, token: claim.token, end: "held" };
    this.grants.push(grant);
    this.#latest.set(lock, grant);
  }
}

/** @param {Claim} claim */
function held({ token, expiresAtMs }) {
  return { acquired: true, fencingToken: String(token), expiresAtMs: String(expiresAtMs), ahead: 0 };
}

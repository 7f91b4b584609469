// What an acceptor's answers rest on, and how far each record has come on its way to the disk, as a trace shows it.
//
// A record is on disk when a write of the data file held its very bytes, a sync of that file began after this write had
// ended, and the write of lmdb's head, by a descriptor that syncs what it writes, began after that sync had ended and has
// ended itself.
//
// Promises and votes asked for in one commit leave one record each of the promise and of a slot, that of the highest
// ballot: the lower ones were true for a moment, and what is on disk binds the acceptor to all of them.
import { compareBallots } from "@synod/core";

/** @typedef {import("@synod/core").Ballot} Ballot */
/** Two moments of a call: the lines of the trace on which it begins and ends. @typedef {{ begin: number, end: number }} Moments */

/** One record: the moments at which its steps ended. */
class Expected {
  written = Infinity;
  synced = Infinity;
  durable = Infinity;
  /** @param {Ballot} ballot @param {Buffer} bytes */
  constructor(ballot, bytes) {
    this.ballot = ballot;
    this.bytes = bytes;
  }
}

/** Records by what they are about, "promise" or "slot N", each of a ballot. */
export class ExpectedRecords {
  /** @type {Map<string, Expected[]>} */ #of = new Map();
  /** Those on their way to the disk. @type {Set<Expected>} */ #pending = new Set();

  /** It was on disk before the trace began. @param {string} subject @param {Ballot} ballot */
  found(subject, ballot) {
    const record = this.#add(subject, ballot, Buffer.alloc(0));
    record.durable = 0;
  }

  /** Asked for: it may be written from now on. @param {string} subject @param {Ballot} ballot @param {() => Buffer} bytes */
  expect(subject, ballot, bytes) {
    if (this.#find(subject, ballot)) return;
    this.#pending.add(this.#add(subject, ballot, bytes()));
  }

  /** Refused: nobody need look for it in what is written. @param {string} subject @param {Ballot} ballot */
  neverWritten(subject, ballot) {
    const record = this.#find(subject, ballot);
    if (record) this.#pending.delete(record);
  }

  /** @param {Buffer} pages @param {number} end */
  pagesWritten(pages, end) {
    for (const record of this.#pending)
      if (record.written === Infinity && pages.includes(record.bytes)) record.written = end;
  }

  /** @param {Moments} call */
  synced({ begin, end }) {
    for (const record of this.#pending)
      if (record.written < begin && record.synced === Infinity) record.synced = end;
  }

  /** @param {Moments} call */
  headWritten({ begin, end }) {
    for (const record of this.#pending) {
      if (record.synced >= begin) continue;
      record.durable = end;
      this.#pending.delete(record);
    }
  }

  /** From when on the disk binds the acceptor to this ballot; Infinity if nothing does. @param {string} subject @param {Ballot} ballot */
  durable(subject, ballot) {
    const binding = (this.#of.get(subject) ?? []).filter(
      (record) => compareBallots(record.ballot, ballot) >= 0,
    );
    return Math.min(Infinity, ...binding.map(({ durable }) => durable));
  }

  /** @param {string} subject @param {Ballot} ballot @param {Buffer} bytes */
  #add(subject, ballot, bytes) {
    const record = new Expected(ballot, bytes);
    const others = this.#of.get(subject);
    if (others) others.push(record);
    else this.#of.set(subject, [record]);
    return record;
  }

  /** @param {string} subject @param {Ballot} ballot */
  #find(subject, ballot) {
    return this.#of.get(subject)?.find((record) => compareBallots(record.ballot, ballot) === 0);
  }
}

// Judges a traced acceptor by rule 3, from outside: every P1b and P2b that leaves must rest on records that are on disk.
//
// A record is on disk when a write of the data file held its very bytes, a sync of that file began after this write had
// ended, and the write of lmdb's head, by a descriptor that syncs what it writes, began after that sync had ended and has
// ended itself. A message leaves where the first call begins that sends any byte of it.
import { acceptorService, fromAcceptor, toAcceptor } from "@synod/wire";
import { GrpcDirection } from "./http2.mjs";
import { promiseRecord, pvalueRecord } from "./record-bytes.mjs";
import { bytesIn, descriptorOf } from "./strace.mjs";

/** @typedef {import("./strace.mjs").Call} Call */
/** @typedef {import("@synod/core").Ballot} Ballot */
/** @typedef {import("@synod/core").ToAcceptor} ToAcceptor */
/** @typedef {import("@synod/core").P1b | import("@synod/core").P2b} Answer */

/** Every call by which bytes can come, go, or reach the disk. */
export const judgedCalls = [
  ...[
    "openat",
    "close",
    "mmap",
    "read",
    "readv",
    "recvmsg",
    "recvfrom",
    "write",
    "writev",
    "sendmsg",
    "sendto",
  ],
  ...["pwrite64", "pwritev", "pwritev2", "fdatasync", "fsync", "msync", "sync_file_range", "io_uring_enter"],
];

/** A part of what a service says when its disk has failed, in its log and on standard error. */
export const lastWords = "nothing that rests on it may be answered";

/** A head is shorter than any page. */
const leastPageBytes = 512;

/** A record that is expected on disk, and how far it has come: the moments at which its steps ended. */
class Expected {
  written = Infinity;
  synced = Infinity;
  durable = Infinity;
  /** @param {Buffer} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }
}

/** One connection to the acceptor: its two directions, and what each stream of it is for. */
class Connection {
  incoming = new GrpcDirection({ client: true });
  outgoing = new GrpcDirection({ client: false });
  /** @type {Map<number, "votes" | "prepare" | "other">} */ streams = new Map();
}

/** @param {Ballot} ballot */
const text = ({ round, leader, incarnation }) => `${round}.${leader}.${incarnation}`;

export class VoteJudge {
  /** What it looked at. */
  counts = { p2b: 0, refusals: 0, p1b: 0, promises: 0, pvaluesTold: 0, syncs: 0, heads: 0 };
  /** @type {string[]} */ violations = [];
  /** What it has promised and voted, as told to others: ballots by slot. @type {Map<number, Ballot>} */ voted =
    new Map();
  /** @type {Ballot | undefined} */ promised;
  /** What failed first, and when it began. @type {{ what: string, begin: number, ofHead: boolean } | undefined} */
  failure;
  /** When the process said so. @type {number | undefined} */ saidAt;
  /** Answers that left after either. */
  answersAfter = { failure: 0, words: 0 };
  #dataFile;
  /** Descriptors of the data file; true for one that syncs what it writes. @type {Map<number, boolean>} */ #data =
    new Map();
  /** @type {Map<number, Connection>} */ #connections = new Map();
  /** By slot and ballot, or by ballot for promises. @type {Map<string, Expected>} */ #expected = new Map();
  /** Those on their way to the disk. @type {Set<Expected>} */ #pending = new Set();

  /** @param {string} dataFile */
  constructor(dataFile) {
    this.#dataFile = dataFile;
  }

  /** What was on disk before the trace began. @param {import("./stored.mjs").Stored} stored */
  foundAtStart({ promised, accepted }) {
    const durable = new Expected(Buffer.alloc(0));
    durable.durable = 0;
    this.#expected.set(`promise ${text(promised)}`, durable);
    for (const [slot, ballot] of accepted) this.#expected.set(`slot ${slot} of ${text(ballot)}`, durable);
  }

  /** Takes the next call, in the order of ends. @param {Call} call */
  take(call) {
    const { number, name } = descriptorOf(call.text);
    const ofData = name === this.#dataFile;
    switch (call.name) {
      case "openat":
        if (call.result >= 0 && call.text.includes(`"${this.#dataFile}"`))
          this.#data.set(call.result, /O_D?SYNC/.test(call.text));
        return;
      case "close":
        this.#connections.delete(number);
        this.#data.delete(number);
        return;
      case "mmap":
        if (call.text.includes(this.#dataFile) && /PROT_WRITE/.test(call.text)) this.#unforeseen(call);
        return;
      case "io_uring_enter":
      case "msync":
      case "sync_file_range":
        this.#unforeseen(call);
        return;
      case "fdatasync":
      case "fsync":
        if (ofData) this.#synced(call);
        return;
      case "read":
      case "readv":
      case "recvmsg":
      case "recvfrom":
        if (name.startsWith("socket:") && call.result > 0) this.#received(call, number);
        return;
      default:
        if (call.text.includes(lastWords)) this.saidAt ??= call.begin;
        if (ofData) this.#wrote(call, this.#data.get(number) ?? false);
        else if (name.startsWith("socket:") && call.result > 0) this.#sent(call, number);
    }
  }

  /** Bytes could pass by ways that this does not follow. @param {Call} call */
  #unforeseen(call) {
    throw new Error(`the trace has ${call.name}(${call.text.slice(0, 100)}), which is not judged here`);
  }

  /** @param {Call} call @param {boolean} syncing */
  #wrote(call, syncing) {
    const pages = Buffer.concat(bytesIn(call.text));
    const { failure } = this;
    // After a failed write of its head lmdb puts the old one back, without a sync, for the page cache has the new one.
    const putBack = failure?.ofHead && !syncing && pages.length < leastPageBytes;
    if (failure && !putBack)
      this.violations.push(`it went on writing after ${failure.what} (line ${call.begin} of the trace)`);
    if (call.result !== pages.length) {
      const what = `a write of ${pages.length} bytes that gave ${call.result}`;
      this.failure ??= { what, begin: call.begin, ofHead: syncing };
      return;
    }
    if (syncing) this.counts.heads++;
    for (const record of this.#pending) {
      if (syncing) {
        if (record.synced >= call.begin) continue;
        record.durable = call.end;
        this.#pending.delete(record);
      } else if (record.written === Infinity && pages.includes(record.bytes)) record.written = call.end;
    }
  }

  /** @param {Call} call */
  #synced(call) {
    if (call.result !== 0) {
      this.failure ??= { what: `an ${call.name} that gave ${call.result}`, begin: call.begin, ofHead: false };
      return;
    }
    this.counts.syncs++;
    for (const record of this.#pending)
      if (record.written < call.begin && record.synced === Infinity) record.synced = call.end;
  }

  /** @param {Call} call @param {number} descriptor */
  #received(call, descriptor) {
    const bytes = Buffer.concat(bytesIn(call.text)).subarray(0, call.result);
    let connection = this.#connections.get(descriptor);
    if (!connection) {
      if (!GrpcDirection.opens(bytes)) return;
      connection = new Connection();
      this.#connections.set(descriptor, connection);
    }
    for (const { stream, message } of connection.incoming.take(bytes, call.end)) {
      const known = connection.streams.get(stream);
      const request = known === "other" ? undefined : asked(message);
      if (known === undefined) connection.streams.set(stream, purpose(message, request));
      if (request?.kind === "p1a")
        this.#expect(`promise ${text(request.ballot)}`, () => promiseRecord(request.ballot));
      if (request?.kind !== "p2a") continue;
      const { ballot, slot } = request.pvalue;
      this.#expect(`promise ${text(ballot)}`, () => promiseRecord(ballot));
      this.#expect(`slot ${slot} of ${text(ballot)}`, () => pvalueRecord(request.pvalue));
    }
  }

  /** @param {string} what @param {() => Buffer} bytes */
  #expect(what, bytes) {
    if (this.#expected.has(what)) return;
    const record = new Expected(bytes());
    this.#expected.set(what, record);
    this.#pending.add(record);
  }

  /** @param {Call} call @param {number} descriptor */
  #sent(call, descriptor) {
    const connection = this.#connections.get(descriptor);
    if (!connection) return;
    const bytes = Buffer.concat(bytesIn(call.text)).subarray(0, call.result);
    for (const { stream, message, moment } of connection.outgoing.take(bytes, call.begin)) {
      const kind = connection.streams.get(stream);
      if (kind === "votes") this.#judge(fromAcceptor.decode(message), moment);
      if (kind === "prepare") this.#judge(acceptorService.Prepare.responseDeserialize(message), moment);
    }
  }

  /** @param {unknown} message @param {number} at */
  #judge(message, at) {
    const answer = /** @type {Answer} */ (message);
    if (answer.kind !== "p1b" && answer.kind !== "p2b") return;
    if (this.failure && at > this.failure.begin) this.answersAfter.failure++;
    if (this.saidAt !== undefined && at > this.saidAt) this.answersAfter.words++;
    this.promised = answer.promised;
    const equal = text(answer.promised) === text(answer.asked);
    const what = answer.kind === "p1b" ? `P1b to ${text(answer.asked)}` : `P2b of slot ${answer.slot}`;
    // Round 0 is what a fresh store has promised: nothing.
    if (answer.promised.round > 0) this.#rests(what, `promise ${text(answer.promised)}`, at);
    if (answer.kind === "p1b") {
      this.counts.p1b++;
      if (equal) this.counts.promises++;
      for (const { slot, ballot } of answer.accepted) {
        this.counts.pvaluesTold++;
        this.#rests(what, `slot ${slot} of ${text(ballot)}`, at);
      }
      return;
    }
    const vote = `slot ${answer.slot} of ${text(answer.asked)}`;
    if (equal) {
      this.counts.p2b++;
      this.voted.set(answer.slot, answer.asked);
      this.#rests(what, vote, at);
      return;
    }
    this.counts.refusals++;
    // It is never written.
    const refused = this.#expected.get(vote);
    if (refused) this.#pending.delete(refused);
  }

  /** @param {string} answer @param {string} record @param {number} at */
  #rests(answer, record, at) {
    const durable = this.#expected.get(record)?.durable ?? Infinity;
    if (durable >= at)
      this.violations.push(`a ${answer} left before ${record} was on disk (line ${at} of the trace)`);
  }
}

/** @param {Buffer} message @returns {ToAcceptor | undefined} */
function asked(message) {
  try {
    const decoded = toAcceptor.decode(message);
    return decoded.kind === "hello" ? undefined : decoded;
  } catch {
    const prepare = acceptorService.Prepare.requestDeserialize(message);
    return "kind" in prepare && prepare.kind === "p1a" ? prepare : undefined;
  }
}

/** @param {Buffer} message a stream's first @param {ToAcceptor | undefined} request */
function purpose(message, request) {
  if (request) return "prepare";
  try {
    return toAcceptor.decode(message).kind === "hello" ? "votes" : "other";
  } catch {
    return "other";
  }
}

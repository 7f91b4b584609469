// Judges a traced acceptor by rule 3, from outside: every P1b and P2b that leaves must rest on records that are on disk.
//
// When a record is on disk stands with ExpectedRecords. A message leaves where the first call begins that sends any byte
// of it.
import { acceptorService, fromAcceptor, toAcceptor } from "@synod/wire";
import { ExpectedRecords } from "./expected-records.mjs";
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
  #records = new ExpectedRecords();

  /** @param {string} dataFile */
  constructor(dataFile) {
    this.#dataFile = dataFile;
  }

  /** What was on disk before the trace began. @param {import("./stored.mjs").Stored} stored */
  foundAtStart({ promised, accepted }) {
    this.#records.found("promise", promised);
    for (const [slot, ballot] of accepted) this.#records.found(`slot ${slot}`, ballot);
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
    if (syncing) this.#records.headWritten(call);
    else this.#records.pagesWritten(pages, call.end);
  }

  /** @param {Call} call */
  #synced(call) {
    if (call.result !== 0) {
      this.failure ??= { what: `an ${call.name} that gave ${call.result}`, begin: call.begin, ofHead: false };
      return;
    }
    this.counts.syncs++;
    this.#records.synced(call);
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
        this.#records.expect("promise", request.ballot, () => promiseRecord(request.ballot));
      if (request?.kind !== "p2a") continue;
      const { ballot, slot } = request.pvalue;
      this.#records.expect("promise", ballot, () => promiseRecord(ballot));
      this.#records.expect(`slot ${slot}`, ballot, () => pvalueRecord(request.pvalue));
    }
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
    if (answer.promised.round > 0) this.#rests(what, "promise", answer.promised, at);
    if (answer.kind === "p1b") {
      this.counts.p1b++;
      if (equal) this.counts.promises++;
      for (const { slot, ballot } of answer.accepted) {
        this.counts.pvaluesTold++;
        this.#rests(what, `slot ${slot}`, ballot, at);
      }
      return;
    }
    const subject = `slot ${answer.slot}`;
    if (equal) {
      this.counts.p2b++;
      this.voted.set(answer.slot, answer.asked);
      this.#rests(what, subject, answer.asked, at);
      return;
    }
    this.counts.refusals++;
    this.#records.neverWritten(subject, answer.asked);
  }

  /** @param {string} answer @param {string} subject @param {Ballot} ballot @param {number} at */
  #rests(answer, subject, ballot, at) {
    if (this.#records.durable(subject, ballot) < at) return;
    const record = subject === "promise" ? `promise ${text(ballot)}` : `${subject} of ${text(ballot)}`;
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

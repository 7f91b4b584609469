// A member whose disk gives an error: strace answers one of its calls in the kernel's place.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { forgotten, storedBy } from "./stored.mjs";
import { callsIn, tracing } from "./strace.mjs";
import { judgedCalls, lastWords, VoteJudge } from "./vote-judge.mjs";
import { lastLines } from "./words.mjs";

/** @typedef {import("./processes.mjs").Processes} Processes */
/** @typedef {import("./load.mjs").Load} Load */

const writeFailed = 7;
/** strace counts the calls of each thread; with one thread for files and databases, those of the process. */
const oneThread = ["env", "UV_THREADPOOL_SIZE=1"];

/**
 * @param {Processes} processes @param {Load} load
 * @param {"fdatasync" | "pwrite64"} call @param {number} count which of them fails, from 1
 */
export async function failingAcceptor(processes, load, call, count) {
  const id = "a1";
  const member = processes.member(id);
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-disk-"));
  try {
    await processes.kill(id);
    const judge = new VoteJudge(path.join(member.data, "data.mdb"));
    const before = await storedBy(member);
    judge.foundAtStart(before);
    const trace = path.join(scratch, "trace");
    const failing = ["-e", `inject=${call}:error=EIO:when=${count}`];
    processes.start(id, { before: [...oneThread, ...tracing(trace, judgedCalls), ...failing] });
    const { code } = await load.moreUntil(processes.child(id).ended);
    for await (const each of callsIn(trace)) judge.take(each);
    const words = lastLines(member.log, 3);
    const after = await storedBy(member);
    const lost = forgotten(after, judge);
    processes.start(id);
    await processes.ready([id]);
    // Nothing is decided without it now: it votes again.
    await processes.kill("a2");
    await load.more(50);
    processes.start("a2");
    await processes.ready(["a2"]);
    const { counts, violations, answersAfter, failure } = judge;
    const said = words.some((line) => line.includes(lastWords) && line.includes("Input/output error"));
    const kept = forgotten(after, { voted: before.accepted, promised: before.promised }).length === 0;
    const right =
      code === writeFailed &&
      said &&
      failure !== undefined &&
      violations.length === 0 &&
      answersAfter.words === 0;
    return {
      right: right && lost.length === 0 && kept,
      code,
      failed: failure?.what ?? "nothing",
      answersBefore: counts.p2b + counts.p1b,
      answersAfter,
      violations: violations.slice(0, 3),
      lost: lost.length,
      ...(said ? {} : { words }),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {Processes} processes @param {Load} load @param {number} count */
export async function failingReplica(processes, load, count) {
  const id = "r3";
  const member = processes.member(id);
  await processes.kill(id);
  const failing = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e"];
  processes.start(id, { before: [...oneThread, ...failing, `inject=fdatasync:error=EIO:when=${count}`] });
  const { code } = await load.moreUntil(processes.child(id).ended);
  const words = lastLines(member.log, 3);
  const said = words.some((line) => line.includes(lastWords) && line.includes("Input/output error"));
  processes.start(id);
  await processes.ready([id]);
  return { right: code === writeFailed && said, code, ...(said ? {} : { words }) };
}

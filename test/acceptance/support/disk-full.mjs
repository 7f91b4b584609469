// An acceptor on a file system of its own that becomes full under load.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { callRaw } from "./raw.mjs";
import { forgotten, storedBy } from "./stored.mjs";
import { callsIn, tracing } from "./strace.mjs";
import { judgedCalls, lastWords, VoteJudge } from "./vote-judge.mjs";
import { lastLines } from "./words.mjs";

/** @typedef {import("./processes.mjs").Processes} Processes */
/** @typedef {import("./load.mjs").Load} Load */

const id = "a1";
const writeFailed = 7;

/**
 * Acceptors let go of nothing while a majority of the replicas is away (rule 18), so that is when a disk becomes full.
 * @param {Processes} processes @param {Load} load
 */
export async function fullDisk(processes, load) {
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-full-"));
  const volume = path.join(scratch, "volume");
  mkdirSync(volume);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", volume]);
  try {
    return await onVolume(processes, load, volume, path.join(scratch, "trace"));
  } finally {
    await processes.kill(id);
    execFileSync("umount", [volume]);
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {Processes} processes @param {Load} load @param {string} volume @param {string} trace */
async function onVolume(processes, load, volume, trace) {
  await processes.kill(id);
  const home = processes.member(id).data;
  const data = path.join(volume, id);
  cpSync(home, data, { recursive: true, filter: (file) => !file.endsWith(".sock") });
  processes.moveData(id, data);
  const judge = new VoteJudge(path.join(data, "data.mdb"));
  judge.foundAtStart(await storedBy(processes.member(id)));
  processes.start(id, { before: tracing(trace, judgedCalls) });
  await processes.ready([id]);
  const away = processes.ids("replica").slice(1);
  for (const replica of away) await processes.kill(replica);
  const filling = fill(processes, load);
  const { code } = await load.moreUntil(processes.child(id).ended);
  filling.stop();
  for (const replica of away) processes.start(replica);
  await processes.ready(away);
  for await (const each of callsIn(trace)) judge.take(each);
  const words = lastLines(processes.member(id).log, 3);
  const said = words.some((line) => line.includes(lastWords) && /ENOSPC|[Nn]o space/.test(line));
  await load.more(1_000); // the other two go on
  // Still full: it does not come up, and says why again.
  processes.start(id);
  const { code: whileFull, signal } = await processes.child(id).ended;
  const again = lastLines(processes.member(id).log, 3);
  const saidAgain = again.some((line) => line.includes(lastWords));
  execFileSync("mount", ["-o", "remount,size=256m", volume]);
  const lost = forgotten(await storedBy(processes.member(id)), judge);
  processes.start(id);
  await processes.ready([id]);
  await processes.kill("a2");
  await load.more(500); // nothing is decided without its votes
  processes.start("a2");
  await processes.ready(["a2"]);
  const { counts, violations, answersAfter, failure } = judge;
  // Back home, with all it holds.
  await processes.kill(id);
  cpSync(data, home, { recursive: true, filter: (file) => !file.endsWith(".sock") });
  processes.moveData(id, home);
  processes.start(id);
  await processes.ready([id]);
  const silent = violations.length === 0 && answersAfter.words === 0 && lost.length === 0;
  return {
    right: code === writeFailed && said && silent && whileFull === writeFailed && saidAgain,
    code,
    failed: failure?.what ?? "nothing",
    votesBefore: counts.p2b,
    answersAfter,
    violations: violations.slice(0, 3),
    lost: lost.length,
    startedWhileFull: whileFull ?? signal,
    words: words.at(-1),
    ...(saidAgain ? {} : { again }),
  };
}

/** Large values beside the load, so that the disk is soon full. @param {Processes} processes @param {Load} load */
function fill(processes, load) {
  let going = true;
  const value = Buffer.alloc(32 << 10, "x");
  void (async () => {
    for (let number = 0; going && !load.stopped; number++) {
      await load.more(10).catch(() => {});
      await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", { key: `filler-${number}`, value });
    }
  })();
  return {
    stop: () => {
      going = false;
    },
  };
}

// Wrong requests and wrong configurations: each gets a clear answer and changes nothing. And a call that cannot reach a
// majority ends at its deadline, saying why.

import { Processes } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";
import { settledRecords } from "./support/records.mjs";
import { wrongConfigurations } from "./support/wrong-configurations.mjs";
import { refusedByTheLog, wrongRequests } from "./support/wrong-requests.mjs";

export const name = "wrong";
export const promise =
  "wrong requests and configurations get a clear error and change nothing; a call without a majority ends in time";

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ progress }) {
  const processes = await Processes.start();
  try {
    await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", {
      key: "kept",
      value: Buffer.from("as it was"),
    });
    await callRaw(processes.address("r1"), "synod.calculator.v1.Calculator/Add", { operand: "41" });
    const before = await settledRecords(processes);
    const requests = [];
    for (const wrong of wrongRequests(processes)) requests.push(await tried(wrong, progress));
    const after = await settledRecords(processes);
    const unchanged = before.join("\n") === after.join("\n");
    progress(
      unchanged
        ? "every replica and acceptor is as it was"
        : `BEFORE\n${before.join("\n")}\nAFTER\n${after.join("\n")}`,
    );
    for (const wrong of await refusedByTheLog(processes)) requests.push(await tried(wrong, progress));
    const kept = await callRaw(processes.address("r2"), "synod.kv.v1.KeyValue/Get", { key: "kept" });
    const value = await callRaw(processes.address("r2"), "synod.calculator.v1.Calculator/Value", {});
    const sameState = String(kept.response?.value) === "as it was" && value.response?.value === "41";
    const configurations = wrongConfigurations(processes, progress);
    const deadline = await withoutMajority(processes, progress);
    const wrongAnswers = [...requests, ...configurations]
      .filter(({ right }) => !right)
      .map(({ what }) => what);
    return {
      holds:
        wrongAnswers.length === 0 &&
        requests.length >= 20 &&
        configurations.length >= 10 &&
        unchanged &&
        sameState &&
        deadline.right,
      figures: {
        wrongRequests: requests.length,
        wrongConfigurations: configurations.length,
        answeredOtherwise: wrongAnswers,
        recordsUnchanged: unchanged,
        stateUnchanged: sameState,
        withoutMajority: deadline,
      },
    };
  } finally {
    await processes.end();
  }
}

/**
 * @typedef {{ what: string, code: string, says: RegExp, ask: () => Promise<import("./support/raw.mjs").Answer> }} WrongRequest
 * @param {WrongRequest} wrong
 * @param {(line: string) => void} progress
 */
async function tried({ what, code, says, ask }, progress) {
  const answer = await ask();
  const right = answer.code === code && says.test(answer.message);
  progress(`${right ? "ok" : `EXPECTED ${code} ${says}`} | ${what} | ${answer.code} | ${answer.message}`);
  return { what, right };
}

/** @param {Processes} processes @param {(line: string) => void} progress */
async function withoutMajority(processes, progress) {
  for (const id of ["a2", "a3"]) processes.signal(id, "SIGSTOP");
  const startedAt = performance.now();
  const request = { key: "kept", value: Buffer.from("as it was") };
  const stuck = await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", request, {
    deadlineMs: 2_000,
  });
  const ms = Math.round(performance.now() - startedAt);
  for (const id of ["a2", "a3"]) processes.signal(id, "SIGCONT");
  const next = await callRaw(processes.address("r1"), "synod.kv.v1.KeyValue/Put", request, {
    deadlineMs: 10_000,
  });
  progress(
    `without a majority: ${stuck.code} after ${ms} ms: ${stuck.message}; then ${next.code} ${next.message}`,
  );
  const told =
    ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(stuck.code) &&
    /a2/.test(stuck.message) &&
    /a3/.test(stuck.message);
  return {
    right: told && ms <= 2_500 && next.code === "OK",
    code: stuck.code,
    message: stuck.message,
    ms,
    next: next.code,
  };
}

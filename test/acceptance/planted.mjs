// A check that was never seen red shows nothing. Each of the scripts about disks and kills runs in a copy of the repository
// with a fault planted in what was built, and must say which promise the fault breaks. fsync and crash-points plant their
// own.
import { spawn } from "node:child_process";
import path from "node:path";
import { copyWithFault } from "./support/copy.mjs";
import { missing } from "./support/needs.mjs";

export const name = "planted";
export const promise =
  "disk, amnesia, blackout, storm, restart, rejoin, soak and fuzz each turn red on a fault planted in a copy";

/** @typedef {Record<string, any>} Figures */
/** @typedef {{ fault: string, script: string, parameters: string[], changes: import("./support/copy.mjs").Change[], red: (figures: Figures) => unknown }} Plant */

/** @type {Plant[]} */
const plants = [
  {
    fault: "votes leave although their commit failed",
    script: "disk",
    parameters: ["--only", "errors", "--syncs", "10"],
    changes: [
      {
        file: "packages/node/dist/driver.js",
        sound: "this.#commits.length = 0;\n            this.#fatal(ExitCode.writeFailed, error);",
        faulty:
          "this.#committed(commit);\n            setTimeout(() => this.#fatal(ExitCode.writeFailed, error), 100);",
      },
      {
        // lmdb-js rejects a promise of its own as well, which would end the process at once.
        file: "packages/node/dist/process/lifecycle.js",
        sound: "if (!context.isOfService(reason))",
        faulty: "if (false)",
      },
    ],
    red: (figures) => figures["fdatasync 10 of an acceptor fails"]?.violations.length > 0,
  },
  {
    fault: "votes of any store count",
    script: "amnesia",
    parameters: ["--seconds", "3"],
    changes: [
      {
        file: "packages/core/dist/quorum.js",
        sound: "return this.#members.get(acceptor)?.store === store;",
        faulty: "return this.#members.has(acceptor);",
      },
    ],
    red: (figures) => figures.newStore?.decidedMeanwhile > 0,
  },
  {
    fault: "nobody watches the count of starts",
    script: "amnesia",
    parameters: ["--seconds", "1"],
    changes: [
      {
        file: "packages/node/dist/leader/acceptor-links.js",
        sound: "if (starts < this.#starts)",
        faulty: "if (starts < 0)",
      },
    ],
    red: (figures) => figures.oldCopy?.leadersThatNameIt === 0,
  },
  {
    fault: "commits are claimed a third of a second before they happen",
    script: "blackout",
    parameters: ["--rounds", "3"],
    changes: [
      {
        file: "packages/storage/dist/acceptor-store.js",
        sound: "return this.#commits.commit();",
        faulty:
          "setTimeout(() => this.#commits.commit().catch(() => {}), 333);\n        return Promise.resolve();",
      },
      {
        // Not wrong by itself: slow replicas, so that what was acknowledged last is at the acceptors alone.
        file: "packages/storage/dist/replica-store.js",
        sound: "const { flushEveryMs = 50 }",
        faulty: "const { flushEveryMs = 5_000 }",
      },
    ],
    red: (figures) => figures.lost > 0,
  },
  {
    fault: "a command that is sent again is executed again",
    script: "storm",
    parameters: ["--minutes", "0.5", "--seed", "1"],
    changes: [
      {
        file: "packages/state-machine/dist/engine/engine.js",
        sound: 'return verdict.kind === "repeat" ? answered',
        faulty: 'return verdict.kind === "never" ? answered',
      },
      {
        file: "packages/state-machine/dist/engine/engine.js",
        sound: 'if (verdict.kind === "repeat")',
        faulty: 'if (verdict.kind === "repeat" && verdict.answer.slot < 0)',
      },
    ],
    red: (figures) => figures.doubled > 0,
  },
  {
    fault: "rows of services never reach the disk",
    script: "restart",
    parameters: ["--keys", "20000", "--rounds", "1"],
    changes: [
      {
        file: "packages/storage/dist/lmdb-replica-disk.js",
        sound: "else\n                    state.put(key, value);",
        faulty: "else if (key[0] !== 0x74)\n                    state.put(key, value);",
      },
    ],
    red: (figures) => figures.wrongAnswers > 0,
  },
  {
    fault: "a replica reports a slot that is not on its disk",
    script: "rejoin",
    parameters: ["--keys", "20000", "--rounds", "1", "--rate", "200", "--steady", "1", "--no-latency"],
    changes: [
      {
        file: "packages/node/dist/replica/reporter.js",
        sound: 'checkpoint ?? { slot: 0, hash: "" }',
        faulty: 'checkpoint ?? { slot: 1, hash: "" }',
      },
    ],
    red: (figures) => figures.premature?.length > 0,
  },
  {
    fault: "the acceptors are never told what they may forget",
    script: "soak",
    parameters: ["--commands", "20000", "--value-bytes", "4000", "--most-stored", "45"],
    changes: [
      {
        file: "packages/node/dist/replica/replica-process.js",
        sound: "if (trimPoint > this.#trimPointTold) {",
        faulty: "if (trimPoint > this.#trimPointTold && trimPoint < 0) {",
      },
    ],
    red: (figures) => figures.mostStoredByAcceptorMib > 45,
  },
  {
    fault: "members listen to whoever has not said hello",
    script: "fuzz",
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    changes: [
      {
        file: "packages/node/dist/transport/attachments.js",
        sound: "this.#refuse(attachment, grpc.status.FAILED_PRECONDITION, `expected a hello first",
        faulty: 'this.#take(attachment, { role: "leader", id: "nobody" }, message) ?? (() => {})(`',
      },
    ],
    red: (figures) => /without a hello/.test(figures.wrong?.join()),
  },
  {
    fault: "a batch that is none ends the replica",
    script: "fuzz",
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    changes: [
      {
        file: "packages/node/dist/replica/performer.js",
        sound: 'this.#options.logger.error({ slot, err: error }, "a decided batch',
        faulty: 'throw error;\n            this.#options.logger.error({ slot, err: error }, "a decided batch',
      },
    ],
    red: (figures) => /r1 has ended/.test(figures.problems?.join()),
  },
  {
    fault: "messages of any size are taken",
    script: "fuzz",
    parameters: ["--seed", "1", "--calls", "1500", "--rounds", "0"],
    changes: [
      {
        file: "packages/node/dist/transport/channel.js",
        sound:
          'export const serverOptions = {\n    ...keepalive,\n    "grpc.max_receive_message_length": maxMessageBytes',
        faulty:
          'export const serverOptions = {\n    ...keepalive,\n    "grpc.max_receive_message_length": -1',
      },
    ],
    red: (figures) => /beyond the limit/.test(figures.wrong?.join()),
  },
];

/** @param {import("./run.mjs").Options} options names of scripts may be given */
export async function run({ parameters, progress }) {
  const lacks = missing("strace");
  if (lacks) return { holds: true, figures: { leftOut: lacks } };
  const chosen = plants.filter(({ script }) => parameters.length === 0 || parameters.includes(script));
  if (chosen.length === 0) throw new Error(`no fault for ${parameters.join(", ")}`);
  /** @type {Record<string, string>} */
  const figures = {};
  let holds = true;
  for (const { fault, script, parameters: given, changes, red } of chosen) {
    const copy = copyWithFault(...changes);
    try {
      const outcome = await runIn(copy.folder, script, given);
      const noticed = outcome.holds === false && Boolean(red(outcome.figures));
      holds &&= noticed;
      figures[fault] =
        `${noticed ? "noticed" : "NOT NOTICED"} by ${script}: ${JSON.stringify(outcome.figures)}`;
      progress(`${fault}: ${figures[fault]}`);
    } finally {
      copy.remove();
    }
  }
  return { holds, figures };
}

/**
 * @param {string} folder @param {string} script @param {string[]} parameters
 * @returns {Promise<{ holds: boolean, figures: Figures }>}
 */
function runIn(folder, script, parameters) {
  const main = path.join(folder, "test/acceptance/run.mjs");
  const child = spawn(process.execPath, [main, script, "--json", ...parameters], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.once("close", (code) => {
      const last = printed.trimEnd().split("\n").at(-1) ?? "";
      if (last.startsWith("{")) resolve(JSON.parse(last));
      else reject(new Error(`${script} ended with ${code} and printed no outcome`));
    });
  });
}

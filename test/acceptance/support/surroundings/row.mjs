// One situation: a line of the shell in surroundings that somebody may have, what it has to say, and how it has to end.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePorts } from "@synod/cli";
import { root } from "../copy.mjs";
import { lackOf } from "../needs.mjs";

/**
 * @typedef {{ what: string, line: string, code: number, says?: string | RegExp, needs?: Parameters<typeof lackOf> }} Row
 * `says` stands in what is printed, on whichever output; nothing in particular has to when it is absent
 * @typedef {{ code: number | string | null, printed: string, left: string[] }} Seen
 */

/**
 * What every line finds: `$S` is the command, `$UP` starts a cluster of three at `$P`, whose replica is `$R`, `ready` waits until it
 * decides, and `$D` is the directory that the line begins in. `$C` is the replica of a cluster that runs all the time.
 */
const before = `
S="$NODE $ROOT/packages/cli/bin/synod.js"
UP="$S up --port $P --acceptors 1 --leaders 1 --replicas 1 --data"
PROXIES="http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 grpc_proxy=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9"
ready() {
  for attempt in $(seq 150); do
    if $S kv get nothing --replica $R --timeout 500 2>&1 >&- | grep -q "no key"; then return; fi
    sleep 0.1
  done
  echo "the cluster did not become ready" >&2
  exit 99
}
stopped() { kill -TERM $1; wait $1; }
export S UP PROXIES
export -f ready stopped
`;

const withinMs = 90_000;
const afterwardsMs = 6_000;

/** @param {Row} row @param {string} running the replica of the cluster that runs */
export async function seen(row, running) {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-surroundings-"));
  const port = await freePorts(3);
  const child = spawn("bash", ["-c", before + row.line], {
    cwd: directory,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...withoutOwn(process.env),
      ...{ NODE: process.execPath, ROOT: root, D: directory, C: running },
      ...{ P: String(port), R: `127.0.0.1:${port}` },
    },
  });
  let printed = "";
  for (const output of [child.stdout, child.stderr])
    output.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
  const timer = setTimeout(() => child.pid && process.kill(-child.pid, "SIGKILL"), withinMs);
  /** @type {number | string | null} */
  const code = await new Promise((resolve) => {
    child.once("exit", (number, signal) => resolve(number ?? signal));
  });
  clearTimeout(timer);
  const left = await leftOf(directory);
  rmSync(directory, { recursive: true, force: true });
  return { code, printed, left };
}

/** The environment of somebody who runs no script of npm. @param {NodeJS.ProcessEnv} environment */
function withoutOwn(environment) {
  const others = /^(npm_|INIT_CWD$|NODE_OPTIONS$|.*_proxy$)/i;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !others.test(name)));
}

/** The processes that name a directory and do not end within the time a graceful stop takes; they are ended. @param {string} directory */
async function leftOf(directory) {
  const until = performance.now() + afterwardsMs;
  for (;;) {
    const found = readdirSync("/proc").filter(
      (pid) => /^\d+$/.test(pid) && commandOf(pid).includes(directory),
    );
    if (found.length === 0) return [];
    if (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const commands = found.map((pid) => commandOf(pid).slice(0, 120));
    for (const pid of found) process.kill(Number(pid), "SIGKILL");
    return commands;
  }
}

/** @param {string} pid */
function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** What is wrong with what was seen; nothing when it is as the row says. @param {Row} row @param {Seen} found */
export function wrongIn({ code, says }, found) {
  const problems = [];
  if (found.code !== code) problems.push(`ended with ${found.code}, expected ${code}`);
  if (
    says !== undefined &&
    !(typeof says === "string" ? found.printed.includes(says) : says.test(found.printed))
  )
    problems.push(`did not say ${says}`);
  if (/^\s+at .*:\d+:\d+\)?$/m.test(found.printed)) problems.push("printed a stack");
  if (found.left.length > 0) problems.push(`left processes: ${found.left.join("; ")}`);
  return problems.length === 0 ? undefined : `${problems.join(", ")}; printed: ${found.printed.slice(-600)}`;
}

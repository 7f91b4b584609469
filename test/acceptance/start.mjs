// A fresh clone, two commands, nine processes; what is printed is tried exactly as printed.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { freshClone, shell } from "./support/clone.mjs";
import { until } from "./support/processes.mjs";

export const name = "start";
export const promise =
  "fresh clone, npm ci && npm start: nine services, the printed calls work, reads survive a stopped replica";

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ progress }) {
  const clone = freshClone();
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let started;
  /** @type {number[]} */
  let paused = [];
  try {
    const startedAt = performance.now();
    started = spawn("sh", ["-c", "npm ci && npm start"], { cwd: clone.folder, detached: true });
    let printed = "";
    started.stdout?.setEncoding("utf8").on("data", (text) => {
      printed += text;
      for (const line of text.trimEnd().split("\n")) progress(`| ${line}`);
    });
    started.stderr?.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    await until("the cluster to be ready", () => /Ctrl-C stops it/.test(printed), 300_000);
    const secondsToReady = Math.round((performance.now() - startedAt) / 1000);

    const services = [
      ...printed.matchAll(/^ {2}(replica|leader|acceptor) +(\w+) +(\S+) +process (\d+)$/gm),
    ].map(([, role, id, address, pid]) => ({ role, id, address, pid: Number(pid) }));
    const own = services.filter(({ role, pid }) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`synod-${role}`),
    );
    const pids = new Set(services.map(({ pid }) => pid));

    const lines = printed.split("\n").map((line) => line.trim());
    const grpcurl = lines.filter((line) => line.startsWith("grpcurl "));
    const buf = lines.filter((line) => line.startsWith("npx buf curl "));
    const answers = [];
    for (const line of buf) {
      const { code, stdout, stderr } = await shell(line, clone.folder, { withinMs: 30_000 });
      answers.push({ line, code, answer: code === 0 ? JSON.parse(stdout) : stderr });
      progress(`${code === 0 ? "ok" : "FAILED"} ${line} → ${stdout.replaceAll(/\s+/g, " ")}`);
    }

    const [first, , third] = services.filter(({ role }) => role === "replica");
    if (!first || !third) throw new Error(`expected three replicas in what was printed:\n${printed}`);
    const call = (
      /** @type {string | undefined} */ address,
      /** @type {string} */ method,
      /** @type {object} */ data,
    ) =>
      shell(
        `npx buf curl --protocol grpc --http2-prior-knowledge -d '${JSON.stringify(data)}' http://${address}/synod.kv.v1.KeyValue/${method}`,
        clone.folder,
        { withinMs: 30_000 },
      );
    const written = Buffer.from("through replica 1").toString("base64");
    const put = await call(first.address, "Put", { key: "stopped", value: written });
    process.kill(first.pid, "SIGSTOP");
    paused = [first.pid];
    const got = await call(third.address, "Get", { key: "stopped" });
    process.kill(first.pid, "SIGCONT");
    paused = [];
    const read = got.code === 0 ? JSON.parse(got.stdout).value : got.stderr;

    const stoppedAt = performance.now();
    const ended = new Promise((resolve) => started?.once("exit", resolve));
    process.kill(-Number(started.pid), "SIGINT");
    await ended;
    const stopSeconds = (performance.now() - stoppedAt) / 1000;
    const left = [...pids].filter(isAlive);
    const methods = ["Put", "Get", "Add"];
    return {
      holds:
        services.length === 9 &&
        pids.size === 9 &&
        own.length === 9 &&
        methods.every(
          (method) =>
            grpcurl.some((line) => line.endsWith(method)) && buf.some((line) => line.endsWith(`/${method}`)),
        ) &&
        answers.every(({ code }) => code === 0) &&
        put.code === 0 &&
        read === written &&
        left.length === 0,
      figures: {
        secondsToReady,
        distinctPids: pids.size,
        runTheirOwnService: own.length,
        grpcurlLines: grpcurl.length,
        bufLinesRun: answers.length,
        bufLinesThatWork: answers.filter(({ code }) => code === 0).length,
        readThroughReplica3WhileReplica1Stopped: read === written,
        secondsToStop: Math.round(stopSeconds * 10) / 10,
        processesLeft: left.length,
      },
    };
  } finally {
    for (const pid of paused) process.kill(pid, "SIGCONT");
    if (started?.pid && started.exitCode === null) {
      try {
        process.kill(-started.pid, "SIGTERM");
      } catch {
        // It is gone.
      }
    }
    clone.remove();
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

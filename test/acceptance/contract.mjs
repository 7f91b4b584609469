// The contract suite: what it checks, that it sees faults, and that it leaves alone what is not its own.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { checksOf, columns, matrixText, runContract } from "@synod/contract";
import { withOwnServices } from "../contract/own-services.mjs";
import { root } from "./support/copy.mjs";
import { compiledFiles, fileOf } from "./support/descriptors.mjs";
import { callRaw } from "./support/raw.mjs";
import { settledRecords } from "./support/records.mjs";

export const name = "contract";
export const promise =
  "every RPC meets its contract in every cell, sixteen wrong services fail it where they are wrong, and a foreign one stays as it was";

/** @typedef {import("@synod/contract").ContractResult} ContractResult */
/** @typedef {import("./support/processes.mjs").Processes} Processes */

const expectedColumns = [
  "accepted",
  "higher ballot",
  "repeated",
  "reordered",
  "malformed",
  "oversized",
  "wrong cluster",
];
const fewestChecks = 450;
const wrongServices = 16;

/** @param {import("./run.mjs").Options} options */
export async function run({ progress }) {
  const own = await withOwnServices(async (options, cluster) => {
    const foreign = await leftAlone(cluster, progress);
    const python = await pythonClient(cluster, progress);
    const result = await runContract({ ...options, onResult: told(progress) });
    return { foreign, python, result };
  });
  const { result, foreign, python } = own;
  progress(matrixText(result.rows));
  const emptyCells = emptyCellsOf(result);
  const withoutRow = rpcsWithoutRow(result);
  const wrong = await wrongOnes(progress);
  const checks = checksOf(result.rows).length;
  return {
    holds:
      result.failed === 0 &&
      result.skipped === 0 &&
      checks >= fewestChecks &&
      String(columns) === String(expectedColumns) &&
      emptyCells.length === 0 &&
      withoutRow.length === 0 &&
      foreign.unchanged &&
      foreign.failed === 0 &&
      python.code === 0 &&
      wrong.notSeen.length === 0 &&
      wrong.seen === wrongServices,
    figures: {
      rows: result.rows.length,
      columns: columns.length,
      checks,
      passed: result.passed,
      failed: result.failed,
      skipped: result.skipped,
      emptyCells,
      rpcsWithoutRow: withoutRow,
      readOnly: foreign,
      python: python.lines,
      wrongServicesSeen: wrong.seen,
      wrongServicesNotSeen: wrong.notSeen,
    },
  };
}

/** @param {(line: string) => void} progress */
function told(progress) {
  return (
    /** @type {import("@synod/contract").CheckResult} */ { outcome, rpc, column, name: check, reason },
  ) => {
    if (outcome !== "passed") progress(`${outcome} | ${rpc} | ${column} | ${check}: ${reason}`);
  };
}

/** A cell holds checks, or says why it can hold none. @param {ContractResult} result */
function emptyCellsOf({ rows }) {
  return rows.flatMap(({ rpc, cells }) =>
    columns
      .filter((column) => cells[column].checks.length === 0 && !cells[column].notApplicable)
      .map((column) => `${rpc} × ${column}`),
  );
}

/** Services that every role has, so a row of each. */
const ofEveryRole = ["Cluster", "Health", "reflection v1", "reflection v1alpha"];

/** The RPCs of the protos that no row is about. @param {ContractResult} result */
function rpcsWithoutRow({ rows }) {
  const files = [...compiledFiles(path.join(root, "proto")).values()].map(fileOf);
  return files
    .flatMap((file) =>
      file.service.flatMap((service) =>
        (service.method ?? []).map((method) =>
          service.name === "ServerReflection"
            ? { service: file.package.replace("grpc.reflection.", "reflection "), method: "" }
            : { service: service.name, method: `.${method.name}` },
        ),
      ),
    )
    .filter(({ service, method }) => {
      const roles = new Set(
        rows.filter(({ rpc }) => `${rpc} `.startsWith(`${service}${method} `)).map(({ role }) => role),
      );
      return roles.size < (ofEveryRole.includes(service) ? 3 : 1);
    })
    .map(({ service, method }) => service + method);
}

/**
 * A cluster that is somebody's: read-only nothing in it changes, and with everything nothing in an acceptor that a leader
 * uses.
 * @param {Processes} cluster
 * @param {(line: string) => void} progress
 */
async function leftAlone(cluster, progress) {
  const [replica, leader, acceptor] = [cluster.address("r1"), cluster.address("l1"), cluster.address("a1")];
  await callRaw(replica, "synod.kv.v1.KeyValue/Put", { key: "kept", value: Buffer.from("as it was") });
  const before = await settledRecords(cluster);
  const readOnly = await runContract({
    addresses: { acceptor, leader, replica },
    onResult: failuresOnly(progress),
  });
  const inUse = await runContract({
    addresses: { acceptor },
    destructive: true,
    only: ["Acceptor."],
    onResult: failuresOnly(progress),
  });
  const after = await settledRecords(cluster);
  const unchanged = before.join("\n") === after.join("\n");
  progress(
    unchanged
      ? "read-only: every record is as it was"
      : `BEFORE\n${before.join("\n")}\nAFTER\n${after.join("\n")}`,
  );
  return {
    unchanged,
    passed: readOnly.passed + inUse.passed,
    failed: readOnly.failed + inUse.failed,
    skipped: readOnly.skipped + inUse.skipped,
  };
}

/** @param {(line: string) => void} progress */
function failuresOnly(progress) {
  const tell = told(progress);
  return (/** @type {import("@synod/contract").CheckResult} */ result) => {
    if (result.outcome === "failed") tell(result);
  };
}

/** @param {Processes} cluster @param {(line: string) => void} progress */
async function pythonClient(cluster, progress) {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-contract-"));
  try {
    const set = path.join(folder, "descriptors.binpb");
    const protos = path.join(root, "proto");
    const built = await ran(path.join(root, "node_modules/.bin/buf"), [
      "build",
      protos,
      "--as-file-descriptor-set",
      "-o",
      set,
    ]);
    const client = path.join(root, "test/contract/python/client.py");
    const { code, output } = await ran("/usr/bin/python3", [client, cluster.address("r2"), set]);
    const lines = output.trim().split("\n");
    for (const line of lines) progress(`python: ${line}`);
    return { code: built.code || code, lines: lines.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The services that are wrong on purpose, each by its test: red in the right cells.
 * @param {(line: string) => void} progress
 */
async function wrongOnes(progress) {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-contract-"));
  try {
    const file = path.join(folder, "results.json");
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
    const parameters = ["run", "test/contract/wrong.test.ts", "--reporter=json", `--outputFile=${file}`];
    const { output } = await ran(process.execPath, [vitest, ...parameters]);
    let text = "";
    try {
      text = readFileSync(file, "utf8");
    } catch {
      throw new Error(`no wrong service was tried: ${output}`);
    }
    /** @type {{ testResults: { assertionResults: { fullName: string, status: string, meta: { redCells?: string[] },
     *   failureMessages?: string[] }[] }[] }} */
    const { testResults } = JSON.parse(text);
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    for (const { fullName, status, meta, failureMessages = [] } of tests)
      progress([status, fullName, ...(meta.redCells ?? []), ...failureMessages].join("\n    "));
    return {
      seen: tests.filter(({ status, meta }) => status === "passed" && (meta.redCells ?? []).length > 0)
        .length,
      notSeen: tests.filter(({ status }) => status !== "passed").map(({ fullName }) => fullName),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} program @param {string[]} parameters @returns {Promise<{ code: number, output: string }>} */
function ran(program, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { whenAskedToEnd } from "../asked-to-end.js";
import { deathReport } from "../cluster/advice.js";
import { LocalCluster } from "../cluster/local-cluster.js";
import { planCluster } from "../cluster/plan.js";
import { freePorts } from "../cluster/ports.js";
import { waitUntilReady } from "../cluster/ready.js";
import { prepareCluster } from "../cluster/stores.js";
import { requireWhole } from "../commands/options.js";
import { exitCode, Failure } from "../failure.js";
import { printSoon, tell } from "../output.js";
import { formatTable } from "../table.js";
import { runSequentially } from "./calculation.js";
import { type ClientResult, compareDemo, type ReplicaFinal, withPlantedDifference } from "./compare.js";
import { readReplicas, runClients } from "./run.js";

export interface DemoArguments {
  clients: number;
  commands: number;
  seed: number | undefined;
  json: boolean;
  "plant-difference": boolean;
}

const counts = { acceptors: 3, leaders: 3, replicas: 3 };

/** Runs the clients against a temporary cluster, compares, and leaves the exit code. */
export async function demo(options: DemoArguments): Promise<void> {
  const clients = requireWhole("clients", options.clients, 1);
  const commands = requireWhole("commands", options.commands, 1);
  const seed = requireWhole("seed", options.seed ?? Math.floor(Math.random() * 1_000_000), 0);
  const print = options.json ? tell : printSoon;
  const { results, replicas } = await withTemporaryCluster(print, async (addresses) => {
    print(
      `${clients} clients, ${commands} commands each, to all ${addresses.length} replicas (--seed ${seed})`,
    );
    const found = await runClients({ clients, commands, seed, replicas: addresses, print });
    return { results: found, replicas: await readReplicas(addresses) };
  });
  const planted = options["plant-difference"];
  const compared = planted ? withPlantedDifference(replicas) : replicas;
  if (planted) print("planted: the first calculation altered in the copy of the first replica's log");
  const comparison = compareDemo(results, compared);
  print(`\n${replicaTable(compared)}\n`);
  const { differences } = comparison;
  print(differences.length === 0 ? agreement(results, comparison) : "They differ:");
  for (const difference of differences) print(`  ${difference}`);
  if (options.json) {
    const figures = { clients, commands, seed, results: results.length, ...comparison };
    const finals = compared.map(({ log, ...final }) => ({ ...final, value: runSequentially(log).value }));
    printSoon(JSON.stringify({ holds: differences.length === 0, ...figures, replicas: finals }));
  }
  process.exitCode = differences.length === 0 ? exitCode.done : exitCode.failed;
}

function replicaTable(replicas: readonly ReplicaFinal[]): string {
  const rows = replicas.map(({ id, appliedSlot, hash, log }) => [
    id,
    String(appliedSlot),
    runSequentially(log).value,
    hash,
  ]);
  return formatTable(["REPLICA", "APPLIED SLOT", "VALUE", "HASH"], rows);
}

function agreement(
  results: readonly ClientResult[],
  { executed, repeats }: { executed: number; repeats: number },
) {
  const repeated = `${repeats} repeats, proposed by other replicas, were decided too and not executed again`;
  return `All agree: ${results.length} answers, ${executed} commands executed once each (${repeated}), equal on every replica.`;
}

/** Nine processes on free ports, in a directory of their own; both are gone afterwards, whatever happens. */
async function withTemporaryCluster<T>(
  print: (line: string) => void,
  work: (replicas: string[]) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-demo-"));
  try {
    const plan = planCluster(directory, counts, await freePorts(9));
    await prepareCluster(plan);
    const cluster = new LocalCluster(plan, {
      unlogged: ({ member }, trouble) => tell(`warning: ${member.id} runs without a log: ${trouble}`),
      died: (child, ending) => print(deathReport(child.member, ending)),
    });
    try {
      return await interruptible(async (signal) => {
        await waitUntilReady(cluster, { progress: print, signal });
        const replicas = plan.members.filter((member) => member.role === "replica");
        return work(replicas.map((replica) => replica.address));
      });
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Ends early, with an error and after cleaning up, when the demo is interrupted. */
function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  return new Promise((resolve, reject) => {
    const interrupt = () => {
      interruption.abort();
      reject(new Failure("interrupted"));
    };
    whenAskedToEnd(interrupt);
    work(interruption.signal).then(resolve, reject);
  });
}

import { connect } from "@synod/client";
import { askStatus } from "../calls.js";
import { Failure, reasonOf } from "../failure.js";
import type { Child } from "./child.js";
import { clusterIdAt } from "./cluster-file.js";
import type { LocalCluster } from "./local-cluster.js";

interface KeyValue {
  Get(request: { key: string }, settings: { deadlineMs: number }): Promise<object>;
}

export interface Waiting {
  /** Gets one line for each member that became ready. */
  readonly progress: (line: string) => void;
  /** Ends the waiting, with a rejection. */
  readonly signal: AbortSignal;
}

const pollMs = 50;
const answerWithinMs = 500;
const readyWithinMs = 60_000;

/**
 * Resolves once every process that still runs serves, and a first command has been decided and executed. Rejects when
 * that can no longer happen.
 */
export async function waitUntilReady(cluster: LocalCluster, waiting: Waiting): Promise<void> {
  const giveUpAt = performance.now() + readyWithinMs;
  const clusterId = clusterIdAt(cluster.plan.clusterFile);
  await Promise.all(
    cluster.children.map((child) => waitForMember(cluster, child, clusterId, giveUpAt, waiting)),
  );
  const replicas = cluster.children.filter((child) => child.member.role === "replica" && child.running);
  const client = connect({ replicas: replicas.map((child) => child.member.address), cluster: clusterId });
  const close = () => client.close();
  waiting.signal.addEventListener("abort", close);
  try {
    const deadlineMs = Math.max(1, Math.ceil(giveUpAt - performance.now()));
    await client.service<KeyValue>("synod.kv.v1.KeyValue").Get({ key: "ready" }, { deadlineMs });
  } catch (error) {
    throw new Failure(`the cluster decides nothing: ${reasonOf(error)}`);
  } finally {
    waiting.signal.removeEventListener("abort", close);
    close();
  }
}

async function waitForMember(
  cluster: LocalCluster,
  child: Child,
  clusterId: string,
  giveUpAt: number,
  { progress, signal }: Waiting,
): Promise<void> {
  const { role, id, address, log } = child.member;
  let news = "no answer yet";
  while (child.running) {
    if (signal.aborted) throw new Failure("interrupted");
    requireHope(cluster);
    if (performance.now() > giveUpAt) {
      const seconds = readyWithinMs / 1000;
      throw new Failure(`${role} ${id} did not become ready within ${seconds} s: ${news}; see ${log}`);
    }
    try {
      const status = await askStatus(address, answerWithinMs, clusterId);
      if (status.serving) {
        progress(`${role} ${id} is ready at ${address} (process ${child.pid})`);
        return;
      }
      news = status.problem === "" ? "it does not serve yet" : status.problem;
    } catch (error) {
      news = reasonOf(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  requireHope(cluster);
}

function requireHope(cluster: LocalCluster): void {
  if (cluster.hopeless !== undefined) throw new Failure(`the cluster cannot start: ${cluster.hopeless}`);
}

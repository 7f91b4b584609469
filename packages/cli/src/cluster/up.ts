import path from "node:path";
import { whenAskedToEnd } from "../asked-to-end.js";
import { exitCode, Failure } from "../failure.js";
import { deathReport } from "./advice.js";
import { clusterIdAt } from "./cluster-file.js";
import { tryLines } from "./endpoints.js";
import { LocalCluster } from "./local-cluster.js";
import { ownDataDirectory } from "./owner.js";
import { type Plan, planCluster } from "./plan.js";
import { requireFreePorts } from "./ports.js";
import { waitUntilReady } from "./ready.js";
import { remember } from "./remembered.js";
import { prepareCluster, storedShape } from "./stores.js";
import { type Example, exampleOf, requireServices, storedServices } from "./user-services.js";
import { type Words, wordsOn } from "./words.js";

export interface UpArguments {
  acceptors: number | undefined;
  leaders: number | undefined;
  replicas: number | undefined;
  data: string;
  port: number | undefined;
  service: string[] | undefined;
  json: boolean;
}

/** Starts or resumes the cluster in a directory, and runs it until it is asked to end. */
export async function up(options: UpArguments): Promise<void> {
  // A second request does not hurry: the stop is bounded anyway.
  const ended = new Promise<void>((resolve) => whenAskedToEnd(resolve));
  const [output, errors] = [wordsOn(1), wordsOn(2)];
  const plan = planOf(options);
  const examples = (await requireServices(plan.services)).flatMap((module) => exampleOf(module) ?? []);
  const ownership = await ownDataDirectory(plan.directory);
  try {
    await requireFreePorts(plan.members);
    const fresh = await prepareCluster(plan);
    const cluster = clusterIdAt(plan.clusterFile);
    const unnoted = remember(plan, cluster);
    if (unnoted !== undefined) errors.say(`warning: ${unnoted}`);
    const progress = (line: string) => (options.json ? errors : output).say(line);
    progress(`${fresh ? "starting a new cluster" : "resuming the cluster"} in ${plan.directory}`);
    await run(plan, { json: options.json, output, errors, progress, ended, examples });
  } finally {
    await ownership.release();
  }
}

/** Options that are not given are taken from the cluster that the directory holds, else from the defaults. */
function planOf(options: UpArguments): Plan {
  const stored = storedShape(path.join(path.resolve(options.data), "cluster", "cluster.json"));
  const plan = planCluster(
    options.data,
    {
      acceptors: options.acceptors ?? stored?.counts.acceptors ?? 3,
      leaders: options.leaders ?? stored?.counts.leaders ?? 3,
      replicas: options.replicas ?? stored?.counts.replicas ?? 3,
    },
    options.port ?? stored?.firstPort ?? 4100,
    options.service,
  );
  return { ...plan, services: plan.services.length > 0 ? plan.services : storedServices(plan) };
}

interface Running {
  readonly json: boolean;
  readonly output: Words;
  readonly errors: Words;
  readonly progress: (line: string) => void;
  /** Resolves at the first request to end. */
  readonly ended: Promise<void>;
  /** Methods of users' services to try. */
  readonly examples: readonly Example[];
}

async function run(plan: Plan, { json, output, errors, progress, ended, examples }: Running): Promise<void> {
  let allDead: () => void = () => undefined;
  const nobodyLeft = new Promise<"nobody left">((resolve) => {
    allDead = () => resolve("nobody left");
  });
  const cluster = new LocalCluster(plan, {
    unlogged: ({ member }, trouble) => errors.say(`warning: ${member.id} runs without a log: ${trouble}`),
    died: (child, ending) => {
      errors.say(deathReport(child.member, ending));
      if (cluster.children.every((other) => !other.running)) allDead();
    },
  });
  try {
    const waiting = new AbortController();
    const asked = ended.then(() => {
      waiting.abort();
      return "asked" as const;
    });
    const ready = waitUntilReady(cluster, { progress, signal: waiting.signal }).then(() => "ready" as const);
    if ((await Promise.race([ready, asked])) === "ready") {
      output.say(json ? readyLine(cluster) : readyText(cluster, examples));
      if ((await Promise.race([asked, nobodyLeft])) === "nobody left") {
        throw new Failure("every process of the cluster has ended", exitCode.failed);
      }
    }
    progress("stopping");
  } finally {
    await cluster.stop();
  }
  progress("stopped; the data is kept, and the same command resumes the cluster");
}

function readyLine(cluster: LocalCluster): string {
  const named = (role: string) =>
    cluster.children
      .filter((child) => child.member.role === role)
      .map(({ pid, member: { id, address, data, config, log } }) => ({
        id,
        address,
        pid,
        data,
        config,
        log,
      }));
  return JSON.stringify({
    replicas: named("replica"),
    leaders: named("leader"),
    acceptors: named("acceptor"),
    clusterFile: cluster.plan.clusterFile,
  });
}

function readyText(cluster: LocalCluster, examples: readonly Example[]): string {
  const [replica] = cluster.children.filter((child) => child.member.role === "replica");
  const endpoints = cluster.children.map(
    ({ pid, member }) =>
      `  ${member.role.padEnd(8)}  ${member.id.padEnd(3)}  ${member.address}  process ${pid}`,
  );
  const lines = tryLines(replica?.member.address ?? "", examples);
  return [
    "",
    "The cluster is ready: a first command was decided.",
    ...endpoints,
    "",
    "Try it, from another shell (any replica will do; bytes are base64 in JSON):",
    ...lines.flatMap(({ grpcurl, buf }) => [`  ${grpcurl}`, `  ${buf}`]),
    "  npx synod kv get greeting",
    "  npx synod status",
    "",
    "Ctrl-C stops it; the data is kept.",
  ].join("\n");
}

// Every RPC of every role gets malformed bytes and well-formed nonsense, found from what each process says of itself. A
// cluster that has to live on is sent all that is no request, then all that is one and no lie. Processes that need not
// live on are sent anything, and answered with anything by members that only seem to be some; once they believe a lie,
// little more can happen to them, so there are several rounds.
import { flagNumber, seedOf } from "./support/flags.mjs";
import { Fuzzer } from "./support/fuzz/fuzzer.mjs";
import { Records } from "./support/fuzz/records.mjs";
import { Watch } from "./support/fuzz/watch.mjs";
import { equalReplicas, Load, verify } from "./support/load.mjs";
import { Processes, until } from "./support/processes.mjs";

export const name = "fuzz";
export const promise =
  "malformed bytes and well-formed nonsense to every RPC: each call ends with a right status, nothing crashes, hangs, grows or changes that should not";

/** What waits in a process is bounded by its limits; the largest, answers that nobody reads, is 256 MiB. */
const mostMemoryMiB = 512;
const recoveredWithinMs = 20_000;
/** Beside those of members: health checks, the client of this script. */
const moreSockets = 10;

/** @typedef {{ failures: import("./support/fuzz/fuzzer.mjs").Failure[], problems: string[], figures: object }} Part */

/** @param {import("./run.mjs").Options} options `--seed N`, `--minutes N` or `--calls N` in each part, `--rounds N` on their own */
export async function run({ parameters, progress }) {
  const seed = seedOf(parameters);
  const calls = flagNumber(parameters, "--calls", 0);
  const partMs = (flagNumber(parameters, "--minutes", 3) * 60_000) / 3;
  const rounds = flagNumber(parameters, "--rounds", 4);
  progress(`seed ${seed}: --seed ${seed} sends the same calls again`);
  const parts = [await onCluster(seed, progress, enoughAfter(calls, partMs))];
  for (let round = 1; round <= rounds; round++)
    parts.push(await onLone(seed + round, progress, enoughAfter(calls, partMs / rounds)));
  const failures = parts.flatMap((part) => part.failures);
  const problems = parts.flatMap((part) => part.problems);
  for (const failure of failures.slice(0, 20)) progress(JSON.stringify(failure));
  return {
    holds: failures.length === 0 && problems.length === 0,
    figures: {
      seed,
      failures: failures.length,
      wrong: [...new Set(failures.map(({ path, why }) => `${path}: ${why}`))],
      problems,
      parts: parts.map((part) => part.figures),
    },
  };
}

/** @param {number} calls 0 for as many as there is time for @param {number} forMs @returns {() => (sent: number) => boolean} */
function enoughAfter(calls, forMs) {
  return () => {
    const until = performance.now() + forMs;
    return (sent) => (calls > 0 ? sent >= calls : performance.now() > until);
  };
}

/**
 * @param {number} seed @param {(line: string) => void} progress @param {() => (sent: number) => boolean} enough
 * @returns {Promise<Part>}
 */
async function onCluster(seed, progress, enough) {
  const processes = await Processes.start({ acceptors: 3, leaders: 2, replicas: 2 });
  const load = new Load(processes.replicas, { processes: 1, outstanding: 4, deadlineMs: 60_000 });
  const watch = new Watch(processes);
  try {
    await load.more(10);
    const fuzzer = await Fuzzer.of(seed, processes, ["a1", "l1", "l2", "r1"]);
    const before = watch.sockets();
    const records = await Records.of(processes);
    await fuzzer.send("invalid", enough());
    progress(`${fuzzer.calls} calls that ask nothing, ${load.acknowledged.size} commands beside them`);
    const changed = await orItsError(() => records.changes());
    await fuzzer.send("harmless", enough(), fuzzer.calls);
    progress(`${fuzzer.calls} calls, ${load.acknowledged.size} commands beside them`);
    const startedAt = performance.now();
    let recoveredMs = Number.NaN;
    const wrong = await orItsError(async () => {
      await load.more(50, recoveredWithinMs);
      await processes.ready(undefined, recoveredWithinMs);
      recoveredMs = Math.round(performance.now() - startedAt);
      await load.stop();
      const { lost, doubled } = await verify(processes.replicas, load);
      const taken = lost + doubled > 0 ? [`${lost} commands lost, ${doubled} executed twice`] : [];
      const { equal, states } = await equalReplicas(processes);
      const apart = equal ? [] : [`the replicas differ: ${JSON.stringify(states)}`];
      return [...taken, ...apart, ...(await records.broken())];
    });
    const problems = [...changed, ...wrong, ...(await seen(watch, before, load.failed, false))];
    return {
      failures: fuzzer.failures,
      problems,
      figures: {
        ...figuresOf(fuzzer),
        commands: load.acknowledged.size,
        recoveredMs,
        memoryMiB: watch.peaks,
      },
    };
  } finally {
    watch.stop();
    load.kill();
    await processes.end();
  }
}

/**
 * @param {number} seed @param {(line: string) => void} progress @param {() => (sent: number) => boolean} enough
 * @returns {Promise<Part>}
 */
async function onLone(seed, progress, enough) {
  const processes = await Processes.prepare({ acceptors: 3, leaders: 2, replicas: 2 });
  const real = ["a1", "a2", "l1", "r1"];
  for (const id of real) processes.start(id);
  await processes.ready(real);
  const watch = new Watch(processes);
  /** @type {import("./support/fuzz/impostor.mjs").Impostor[]} */
  let impostors = [];
  try {
    const fuzzer = await Fuzzer.of(seed, processes, ["a1", "l1", "r1"]);
    const before = watch.sockets();
    impostors = fuzzer.impostors(await absent(processes, real));
    await Promise.all(impostors.map((impostor) => impostor.listen()));
    const sent = enough();
    await fuzzer.send("anything", (calls) => sent(calls) || !watch.allRun);
    for (const impostor of impostors) impostor.close();
    const answers = Object.fromEntries(impostors.flatMap(({ sent }) => [...sent]));
    progress(
      `${fuzzer.calls} calls with anything, and what three members answered with: ${JSON.stringify(answers)}`,
    );
    return {
      failures: fuzzer.failures,
      problems: await seen(watch, before, new Map(), true),
      figures: { ...figuresOf(fuzzer), answers, memoryMiB: watch.peaks },
    };
  } finally {
    for (const impostor of impostors) impostor.close();
    watch.stop();
    await processes.end();
  }
}

/** The members that were not started. @param {Processes} processes @param {string[]} real */
async function absent(processes, real) {
  const configuration = (await processes.status("l1"))?.configuration;
  return processes.plan.members
    .filter(({ id }) => !real.includes(id))
    .map(({ id, role, address }) => {
      const store = configuration?.acceptors.find((acceptor) => acceptor.id === id)?.store;
      return { id, role, address, store };
    });
}

/** Problems, or why nobody can tell. @param {() => Promise<string[]>} look */
async function orItsError(look) {
  try {
    return await look();
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/**
 * What is wrong with the processes, seen from outside.
 * @param {Watch} watch @param {Record<string, number>} before sockets @param {Map<string, string>} failed commands
 * @param {boolean} liedTo
 */
async function seen(watch, before, failed, liedTo) {
  const problems = await watch.troubles(liedTo);
  problems.push(...[...failed].map(([id, why]) => `the command ${id} failed: ${why}`));
  for (const [id, peak] of Object.entries(watch.peaks))
    if (peak > mostMemoryMiB) problems.push(`${id} had ${peak} MiB`);
  const left = () =>
    Object.entries(watch.sockets()).filter(([id, count]) => count > (before[id] ?? 0) + moreSockets);
  await until("sockets to be closed", () => left().length === 0, 10_000).catch(() => {});
  return [...problems, ...left().map(([id, count]) => `${id} has ${count} sockets, before ${before[id]}`)];
}

/** @param {Fuzzer} fuzzer */
function figuresOf(fuzzer) {
  const rpcs = [...fuzzer.byRpc].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    calls: fuzzer.calls,
    rpcs: Object.fromEntries(
      rpcs.map(([path, { calls, valid, statuses }]) => [
        path,
        { calls, valid, ...Object.fromEntries(statuses) },
      ]),
    ),
    notCalled: fuzzer.notCalled,
    kinds: Object.fromEntries(fuzzer.byKind),
    forms: Object.fromEntries(fuzzer.byForm),
  };
}

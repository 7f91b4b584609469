// Two of three acceptors stand still, so that nothing is decided, and three hostile clients send calls without a session as large as
// may be: what waits for the replicas' own sessions is bounded, refused in words, and over when the acceptors go on.
import { until } from "../support/processes.mjs";

/**
 * @param {import("../support/processes.mjs").Processes} processes
 * @param {{ lastsMs: number, hostile: () => import("node:child_process").ChildProcess,
 *   ended: (child: import("node:child_process").ChildProcess) => Promise<Record<string, number>>,
 *   mibOf: (pid: number | undefined) => number, mostMib: number }} how
 */
export async function withoutMajority(processes, { lastsMs, hostile, ended, mibOf, mostMib }) {
  /** @type {string[]} */
  const problems = [];
  const stopped = processes.ids("acceptor").slice(0, 2);
  for (const id of stopped) processes.signal(id, "SIGSTOP");
  // A replica that has just started has no session of its own, and cannot get one now.
  const [fresh = ""] = processes.ids("replica");
  await processes.kill(fresh);
  processes.start(fresh);
  await until(`${fresh} to answer`, async () => (await processes.status(fresh)) !== undefined);
  const children = Array.from({ length: 3 }, hostile);
  let most = 0;
  const sampling = setInterval(() => {
    for (const id of processes.ids("replica")) most = Math.max(most, mibOf(processes.child(id).pid));
  }, 100);
  await new Promise((resolve) => setTimeout(resolve, lastsMs));
  const statuses = await Promise.all(children.map(ended));
  clearInterval(sampling);
  for (const id of stopped) processes.signal(id, "SIGCONT");
  const since = performance.now();
  await processes.ready(undefined, 60_000);
  if (most > mostMib)
    problems.push(`without a majority a replica took ${most} MiB; documented are ${mostMib}`);
  if (!statuses.some((each) => (each.RESOURCE_EXHAUSTED ?? 0) > 0))
    problems.push(`without a majority no call was refused for want of room: ${JSON.stringify(statuses)}`);
  return {
    problems,
    figures: { mostMib: most, servesAfterMs: Math.round(performance.now() - since), statuses },
  };
}

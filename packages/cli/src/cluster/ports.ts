import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { askStatus } from "../calls.js";
import { exitCode, Failure } from "../failure.js";
import { host, type PlannedMember } from "./plan.js";

const answerWithinMs = 500;

/** Refuses to go on, naming every port of the plan that somebody else listens on. */
export async function requireFreePorts(members: readonly PlannedMember[]): Promise<void> {
  const checks = await Promise.all(
    members.map(async (member) => ({ member, code: await listen(member.port) })),
  );
  const busy = checks.filter(({ code }) => code !== undefined);
  if (busy.length === 0) return;
  const lines = await Promise.all(
    busy.map(async ({ member, code }) => {
      const why =
        code === "EADDRINUSE" ? `is in use by ${await userOf(member)}` : `cannot be listened on (${code})`;
      return `  port ${member.port}, meant for ${member.role} ${member.id}, ${why}`;
    }),
  );
  const advice =
    "Nothing was started. Stop that process, or choose other ports with --port (and another --data).";
  throw new Failure(
    [`synod up needs ports that are not free:`, ...lines, advice].join("\n"),
    exitCode.addressInUse,
  );
}

/** The process that listens there, as far as it names itself. */
async function userOf({ address }: PlannedMember): Promise<string> {
  try {
    const { role, id, clusterId, pid } = await askStatus(address, answerWithinMs);
    return `${role} ${id} of cluster ${clusterId} (process ${pid})`;
  } catch {
    return "another process";
  }
}

/** The code of the error when a port cannot be listened on; undefined when it can. */
function listen(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/**
 * Systems take the local ports of outgoing connections from higher up (Linux from 32768, others from 49152): a port
 * below is not taken by somebody's connection between being found free and being listened on.
 */
const searched = { from: 10_000, to: 30_000 };

/** A port from which `count` consecutive ones are free now. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = randomInt(searched.from, searched.to - count);
    const codes = await Promise.all(Array.from({ length: count }, (_, index) => listen(first + index)));
    if (codes.every((code) => code === undefined)) return first;
  }
  throw new Failure(`found no ${count} consecutive free ports on ${host}`, exitCode.addressInUse);
}

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Configuration } from "@synod/core";

export interface Counts {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
}

const host = "127.0.0.1";

/** Below the local ports of outgoing connections: none of those takes one between being found free and being listened on. */
const searched = { from: 10_000, to: 30_000 };

/** A port that nobody listens on now, one for each. */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt === 1_000) throw new Error(`expected ${count} free ports on ${host}, found ${found.size}`);
    const port = randomInt(searched.from, searched.to);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ port, host, exclusive: true }), "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}

/** Configuration 1 of a cluster on this machine. Throws a RangeError when a count makes no sense. */
export async function configurationOf(counts: Counts): Promise<Configuration> {
  const { acceptors, leaders, replicas } = counts;
  for (const [role, count] of Object.entries({ acceptors, leaders, replicas }))
    if (!Number.isInteger(count) || count < 1 || count > 9)
      throw new RangeError(`${role}: expected a whole number from 1 to 9, found ${count}`);
  const ports = await freePorts(acceptors + leaders + replicas);
  const members = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: `${letter}${index + 1}`,
      address: `${host}:${ports.shift()}`,
    }));
  return {
    number: 1,
    predecessor: 0,
    acceptors: members("a", acceptors).map((member) => ({ ...member, store: `store-${member.id}` })),
    leaders: members("l", leaders),
    replicas: members("r", replicas),
  };
}

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Configuration } from "@synod/core";

export interface Counts {
  readonly acceptors: number;
  readonly leaders: number;
  readonly replicas: number;
}

/** A port that nobody listens on now, one for each. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Configuration 1 of a cluster on this machine. Throws a RangeError when a count makes no sense. */
export async function configurationOf(counts: Counts): Promise<Configuration> {
  for (const [role, count] of Object.entries(counts))
    if (!Number.isInteger(count) || count < 1 || count > 9)
      throw new RangeError(`${role}: expected a whole number from 1 to 9, found ${count}`);
  const ports = await freePorts(counts.acceptors + counts.leaders + counts.replicas);
  const members = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: `${letter}${index + 1}`,
      address: `127.0.0.1:${ports.shift()}`,
    }));
  return {
    number: 1,
    predecessor: 0,
    acceptors: members("a", counts.acceptors).map((member) => ({ ...member, store: `store-${member.id}` })),
    leaders: members("l", counts.leaders),
    replicas: members("r", counts.replicas),
  };
}

import { type Random, seededRandom } from "@synod/core";

/** One stream of chance for each of these: an event taken out of one leaves the others as they were. */
const streams = [
  "options",
  "faults",
  "network",
  "clients",
  "disks",
  "roles",
  "operator",
  "recovery",
  "upgrades",
  "services",
  "callers",
  "backups",
  "engines",
  "rare",
  "remedies",
  "slots",
  "hostile",
  "links",
] as const;

export type Streams = Readonly<Record<(typeof streams)[number], Random>>;

/** All that is random in a run comes from its seed. */
export function streamsOf(seed: number): Streams {
  const entries = streams.map((name, index) => {
    const start = Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
    return [name, seededRandom(start)] as const;
  });
  return Object.fromEntries(entries) as Streams;
}

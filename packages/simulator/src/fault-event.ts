import { type Random, randomBelow } from "@synod/core";

/** The rate of one kind of fault: the part of the seeds that draws it, and the most of it per thousand ticks. */
interface KindRate {
  readonly part: number;
  readonly most: number;
}

const usualKinds = {
  crash: { part: 0.7, most: 12 },
  "crash leader": { part: 0.8, most: 10 },
  reset: { part: 0.4, most: 15 },
  partition: { part: 0.5, most: 10 },
  "one-way partition": { part: 0.4, most: 8 },
  "slow link": { part: 0.3, most: 5 },
  pause: { part: 0.5, most: 12 },
  "slow sync": { part: 0.3, most: 4 },
  "failed sync": { part: 0.35, most: 5 },
  "lost directory": { part: 0.2, most: 4 },
  "lost directory of a replica": { part: 0.35, most: 5 },
  "rolled-back copy": { part: 0.25, most: 5 },
  "never returns": { part: 0.25, most: 4 },
  "wall-clock jump": { part: 0.3, most: 4 },
} as const satisfies Record<string, KindRate>;

const diskKinds = {
  "hanging disk": { part: 0.2, most: 4 },
  "full disk": { part: 0.2, most: 3 },
  "flipped byte": { part: 0.2, most: 4 },
} as const satisfies Record<string, KindRate>;

/** Only where a world asks for it. */
const askedKinds = {
  "left behind": { part: 0, most: 0 },
  "cut off": { part: 0, most: 0 },
} as const satisfies Record<string, KindRate>;

/** All kinds, in the order in which a run's events are drawn: a new kind goes to the end, so that the others keep their events. */
export const faultKinds = { ...usualKinds, ...diskKinds, ...askedKinds };

export type FaultKind = keyof typeof faultKinds;
type AskedKind = keyof typeof askedKinds;
export type FaultRates = Readonly<Record<Exclude<FaultKind, AskedKind>, number>> &
  Readonly<Partial<Record<AskedKind, number>>>;

/** Each kind in some of the runs, so that there are runs with few kinds and runs with nearly all. */
export function drawUsualRates(random: Random): Omit<FaultRates, keyof typeof diskKinds | AskedKind> {
  return drawRates(random, usualKinds);
}

/** The same for disks that hang, fill up and flip bytes. */
export function drawDiskRates(random: Random): Pick<FaultRates, keyof typeof diskKinds> {
  return drawRates(random, diskKinds);
}

function drawRates<Kind extends string>(
  random: Random,
  kinds: Readonly<Record<Kind, KindRate>>,
): Record<Kind, number> {
  const rates = Object.entries<KindRate>(kinds).map(([kind, { part, most }]) => [
    kind,
    random() < part ? (0.2 + 0.8 * random()) * most : 0,
  ]);
  return Object.fromEntries(rates) as Record<Kind, number>;
}

/** A fault at a tick, of one node (`place`) or between two (`other`), which are numbers to be taken modulo the nodes there are. */
export interface FaultEvent {
  readonly at: number;
  readonly kind: FaultKind;
  readonly place: number;
  readonly other: number;
  /** Ticks until it is over; of a rolled-back copy, how long before it was taken. */
  readonly ticks: number;
}

const places = 1 << 16;

/** Everything that goes wrong in a run, in the order in which it does. */
export function drawFaults(random: Random, rates: FaultRates, ticks: number): FaultEvent[] {
  const events: FaultEvent[] = [];
  for (const kind of Object.keys(faultKinds) as FaultKind[]) {
    // A chance for each tick, as far as it goes to the next event at once.
    const mean = 1000 / (rates[kind] ?? 0);
    for (let at = 0; ; ) {
      at += 1 + Math.floor(-Math.log(1 - random()) * mean);
      if (!(at <= ticks)) break;
      const [place, other] = [randomBelow(random, places), randomBelow(random, places)];
      const length = 1 + Math.floor(-Math.log(1 - random()) * usualTicks(kind));
      events.push({ at, kind, place, other, ticks: Math.min(length, 600) });
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

function usualTicks(kind: FaultKind): number {
  return kind === "rolled-back copy" || kind === "slow sync" || kind === "slow link" ? 100 : 25;
}

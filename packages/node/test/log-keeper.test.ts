import type { DecidedLog } from "@synod/storage";
import { expect, test } from "vitest";
import { trimLog } from "../src/replica/catch-up/log-keeper.js";
import { mostForReaders, Trimmer } from "../src/replica/catch-up/trimmer.js";

const most = 65_536;

/** A log whose slots have so many bytes each. */
class FakeLog implements Pick<DecidedLog, "first" | "last" | "bytes" | "trim"> {
  first = 1;
  readonly last: number;
  readonly #slotBytes: number;

  constructor(last: number, slotBytes = 1) {
    this.last = last;
    this.#slotBytes = slotBytes;
  }

  get bytes(): number {
    return (this.last - this.first + 1) * this.#slotBytes;
  }

  trim(below: number): void {
    this.first = Math.max(this.first, Math.min(below, this.last + 1));
  }
}

/** The first slot kept of so many. */
function kept(last: number, { durable = last, lastSwitch = 0, reader = Infinity, slotBytes = 1 } = {}) {
  const log = new FakeLog(last, slotBytes);
  trimLog(log as unknown as DecidedLog, durable, lastSwitch, reader);
  return log.first;
}

test("as many slots and bytes are kept as the bounds say", () => {
  expect(kept(most)).toBe(1);
  expect(kept(most + 100)).toBe(101);
  const first = kept(1_000, { slotBytes: 1 << 20 });
  expect(1_000 - first + 1).toBeLessThanOrEqual(64);
  expect(1_000 - first + 1).toBeGreaterThan(56);
});

test("what is not on the disk yet is kept, and so is what follows a snapshot that is being read (rule 19)", () => {
  expect(kept(most + 100, { durable: 40 })).toBe(41);
  expect(kept(most + 100, { reader: 60 })).toBe(61);
  expect(kept(200, { reader: 60, slotBytes: 1 << 20 })).toBe(61);
});

test("nothing is kept of what was decided up to a switch that is on the disk (rule 32)", () => {
  expect(kept(100, { lastSwitch: 30, reader: 10 })).toBe(31);
  expect(kept(100, { lastSwitch: 30, durable: 29 })).toBe(1);
});

test("a replica's log is trimmed, for readers it is kept within a bound in bytes, and who needs most of it is forsaken first", () => {
  const log = new FakeLog(1_500, 1 << 20);
  const needs = [
    { member: "r2", slot: 60 },
    { member: "r3", slot: 900 },
  ];
  const warned: unknown[] = [];
  const trimmer = new Trimmer({
    engine: {
      system: { reports: { trimPoint: 0 }, versions: { lastSwitch: 0 } },
      stateBytes: 50 << 20,
    } as never,
    store: { log: log as unknown as DecidedLog, durableSlot: 1_500 },
    keptLog: undefined,
    sender: {
      tick: () => {},
      readers: {
        get lowestSlot() {
          return needs[0]?.slot;
        },
      } as never,
      forsakeLowest: () => needs.shift()?.member,
    },
    logger: { warn: (fields) => warned.push(fields) },
    trimPointMoved: () => {},
  });
  trimmer.tick();
  // 1 GiB and twice the state: 1,124 slots of a MiB. r2's would be 1,440, r3's are 600.
  expect(mostForReaders(50 << 20)).toBe(1_124 << 20);
  expect([log.first, needs.map(({ member }) => member)]).toEqual([901, ["r3"]]);
  expect(warned).toEqual([expect.objectContaining({ replica: "r2" })]);
  needs.length = 0;
  trimmer.tick();
  expect(log.first).toBeGreaterThan(1_430);
});

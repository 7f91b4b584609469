import type { Scheduler } from "@synod/wire";
import { expect, test } from "vitest";
import { DiskPace } from "../src/replica/disk-pace.js";

test("what comes in is held back while more than 256 MiB wait for the disk, and until they do not", () => {
  const store = { pendingBytes: 256 << 20 };
  const looks: (() => void)[] = [];
  const scheduler = { after: (_: number, look: () => void) => looks.push(look) } as unknown as Scheduler;
  let stopping = false;
  const pace = new DiskPace({ store, scheduler, stopping: () => stopping });
  const told: string[] = [];
  pace.whenKeepingUp(() => told.push("at the bound"));
  expect([pace.keepsUp, told]).toEqual([true, ["at the bound"]]);
  store.pendingBytes++;
  expect(pace.keepsUp).toBe(false);
  pace.whenKeepingUp(() => told.push("later"));
  looks.shift()?.();
  expect([looks.length, told.length]).toEqual([1, 1]);
  store.pendingBytes--;
  looks.shift()?.();
  expect([looks.length, told]).toEqual([0, ["at the bound", "later"]]);
  store.pendingBytes++;
  stopping = true;
  pace.whenKeepingUp(() => told.push("nobody waits any more"));
  expect(told).toHaveLength(3);
});

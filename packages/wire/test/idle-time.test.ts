import { expect, test } from "vitest";
import { eventLoop } from "../src/index.js";

test("idle time passes while a process waits, and not while it works", async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { nowMs, idleMs } = eventLoop;
  const before = idleMs();
  for (const from = nowMs(); nowMs() - from < 30; );
  const worked = idleMs();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(worked - before).toBeLessThan(1);
  expect(idleMs() - worked).toBeGreaterThan(10);
});

// Imported into a service process (NODE_OPTIONS): writes down whenever the event loop was held up, and how much of that time
// the process only waited for a processor, which it can do nothing about.
import { appendFileSync, readFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

const file = process.env.STALL_FILE;
const everyMs = 5;
const leastMs = 15;

/** Nanoseconds for which the main thread was ready and had no processor. */
function waitedMs() {
  const [, waited = "0"] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ");
  return Number(waited) / 1e6;
}

/** @param {object} line */
const note = (line) => appendFileSync(file ?? "", `${JSON.stringify(line)}\n`);

if (file) {
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      if (duration >= leastMs)
        note({ at: performance.timeOrigin + startTime + duration, collectedMs: duration });
  }).observe({ entryTypes: ["gc"] });
  let lastAt = performance.now();
  let lastWaitedMs = waitedMs();
  setInterval(() => {
    const now = performance.now();
    const waited = waitedMs();
    const lateMs = now - lastAt - everyMs;
    if (lateMs >= leastMs)
      note({ at: performance.timeOrigin + now, lateMs, waitedMs: waited - lastWaitedMs });
    lastAt = now;
    lastWaitedMs = waited;
  }, everyMs).unref();
}

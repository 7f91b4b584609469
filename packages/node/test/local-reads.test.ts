import { expect, test } from "vitest";
import { LocalReads, type LocalReadsOptions } from "../src/replica/requests/local-reads.js";
import { VirtualTime } from "./support/virtual-time.js";

function world(options: Partial<LocalReadsOptions> = {}) {
  const time = new VirtualTime();
  const state = { asked: true };
  const reads = new LocalReads({ scheduler: time, asked: () => state.asked, ...options });
  const events: string[] = [];
  const gone = new Map<string, () => void>();
  /** Has a caller read for so many milliseconds. Its name begins with its connection's. */
  const read = (name: string, tookMs: number, bytes = 1) => {
    const call = { peer: name.slice(0, 1), onCancelled: (told: () => void) => void gone.set(name, told) };
    const run = () => {
      events.push(`${name} at ${time.nowMs()}`);
      time.work(tookMs);
      if (name.endsWith("!")) throw new Error("no such row");
      return name;
    };
    return reads.read(call, bytes, run).then(
      (result) => events.push(`${result} has it`),
      (error) => events.push(`${name}: ${error.message}`),
    );
  };
  return { ...{ time, state, reads, events, read, gone } };
}

test("rule 12: while commands are asked for, reads leave most of the time to them, and connections take turns", async () => {
  const { time, events, read } = world();
  const all = ["a1", "a2", "a3", "b1"].map((name) => read(name, 10));
  await time.pass(200);
  await Promise.all(all);
  expect(events.filter((event) => event.includes(" at "))).toEqual([
    "a1 at 0",
    "a2 at 30",
    "b1 at 60",
    "a3 at 90",
  ]);
});

test("reads that take little do not wait, and together they rest like one that takes much", async () => {
  const { time, events, read } = world();
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) void read(name, 1);
  await time.pass(100);
  expect(events.filter((event) => event.includes(" at "))).toEqual([
    ...["a1 at 0", "a2 at 1", "a3 at 2", "a4 at 3", "a5 at 4", "a6 at 15"],
  ]);
});

test("while nobody asks for commands reads follow upon each other", async () => {
  const { time, state, events, read } = world();
  state.asked = false;
  for (const name of ["a1", "a2", "b1"]) void read(name, 10);
  await time.pass(100);
  expect(events.filter((event) => event.includes(" at "))).toEqual(["a1 at 0", "a2 at 10", "b1 at 20"]);
});

test("what a read throws is its caller's alone, and takes its time", async () => {
  const { time, events, read } = world();
  void read("a1!", 10);
  void read("b1", 10);
  await time.pass(100);
  expect(events).toEqual(["a1! at 0", "a1!: no such row", "b1 at 30", "b1 has it"]);
});

test("beyond the places a read is refused, whoever gives up leaves its place, and at shutdown nobody waits", async () => {
  const { time, reads, events, read, gone } = world({ maxWaiting: 4, maxWaitingBytes: 100 });
  await read("z1", 10);
  events.length = 0;
  for (const name of ["a1", "a2", "a3", "b1"]) void read(name, 10);
  await time.pass(0);
  expect(events).toEqual([expect.stringMatching(/^a3: 2 reads of 2 bytes of this connection wait/)]);
  gone.get("a1")?.();
  void read("a4", 10, 98);
  void read("a5", 10);
  await time.pass(0);
  expect(events.slice(1)).toEqual([
    "a1: the caller is gone",
    expect.stringMatching(/^a4: 1 reads of 1 bytes of this connection wait/),
  ]);
  reads.close();
  void read("b2", 10);
  await time.pass(100);
  expect(events.slice(3).map((event) => event.slice(0, 24))).toEqual(
    ["a2", "a5", "b1", "b2"].map((name) => `${name}: this process is shut`),
  );
});

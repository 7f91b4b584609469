import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "../src/index.js";

const whose = fc.constantFrom("a", "b", "c", "d");

test("each line keeps its order, and nobody is passed by twice by the same other while it waits", () => {
  fc.assert(
    fc.property(fc.array(fc.option(whose, { nil: undefined }), { maxLength: 200 }), (events) => {
      const queue = new FairQueue<{ readonly line: string; readonly number: number }>();
      const lines = new Map<string, number[]>();
      /** How often each other has been served since a line began to wait, by "line < other". */
      const passed = new Map<string, number>();
      let added = 0;
      const served = () => {
        const item = queue.take();
        const waiting = [...lines].filter(([, numbers]) => numbers.length > 0);
        if (item === undefined) return expect(waiting).toEqual([]);
        expect(item.number).toBe(lines.get(item.line)?.shift());
        for (const [line] of waiting) {
          if (line === item.line)
            for (const key of passed.keys()) if (key.startsWith(`${line} <`)) passed.delete(key);
          if (line === item.line) continue;
          const times = (passed.get(`${line} < ${item.line}`) ?? 0) + 1;
          expect(times).toBeLessThanOrEqual(1);
          passed.set(`${line} < ${item.line}`, times);
        }
      };
      for (const line of events) {
        if (line === undefined) {
          served();
          continue;
        }
        const item = { line, number: ++added };
        queue.add(line, item);
        lines.set(line, [...(lines.get(line) ?? []), item.number]);
      }
      while (queue.size > 0) served();
    }),
  );
});

test("a line that may not go is passed by, and keeps its turn", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "b1"]) queue.add(item.slice(0, 1), item);
  const taken = () => queue.take((line) => line !== "a");
  expect([taken(), taken()]).toEqual(["b1", undefined]);
  expect([queue.take(), queue.take(), queue.take()]).toEqual(["a1", "a2", undefined]);
});

test("what comes again goes before the rest of its line, and before nobody else's", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "b1", "b2"]) queue.add(item.slice(0, 1), item);
  expect([queue.take(), queue.take()]).toEqual(["a1", "b1"]);
  for (const item of ["b1", "b0"]) queue.add("b", item, true);
  expect(queue.size).toBe(4);
  expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual(["a2", "b1", "b0", "b2"]);
});

test("what is taken out of its line is not served", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "b1"]) queue.add(item.slice(0, 1), item);
  expect([queue.remove("a", "a1"), queue.remove("a", "a1"), queue.remove("b", "a2")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(queue.size).toBe(2);
  expect(queue.takeAll()).toEqual(["a2", "b1"]);
  expect([queue.size, queue.take()]).toEqual([0, undefined]);
});

// Histories whose verdict a person can see.
import {
  acquire,
  append,
  calculator,
  call,
  compute,
  get,
  holder,
  never,
  number,
  put,
  range,
  release,
  remove,
  swap,
} from "./history-calls.mjs";

/** @typedef {{ what: string, linearizable: boolean, operations: import("@synod/history").Operation[] }} HandMade */

/** @type {HandMade[]} */
export const handMade = [
  { what: "nothing at all", linearizable: true, operations: [] },
  {
    what: "a read after a write",
    linearizable: true,
    operations: [put(0, 1, "a", "1"), get(2, 3, "a", "1")],
  },
  {
    what: "a read during a write sees what was before",
    linearizable: true,
    operations: [put(0, 1, "a", "1"), put(2, 9, "a", "2"), get(3, 4, "a", "1")],
  },
  {
    what: "a read during a write sees it, and a later one does not",
    linearizable: false,
    operations: [put(0, 1, "a", "1"), put(2, 9, "a", "2"), get(3, 4, "a", "2"), get(5, 6, "a", "1")],
  },
  {
    what: "a stale read after a write was acknowledged",
    linearizable: false,
    operations: [put(0, 1, "a", "1"), put(2, 3, "a", "2"), get(4, 5, "a", "1")],
  },
  {
    what: "an acknowledged write is lost",
    linearizable: false,
    operations: [put(0, 1, "a", "1"), get(2, 3, "a", undefined)],
  },
  {
    what: "a value that nobody wrote",
    linearizable: false,
    operations: [put(0, 1, "a", "1"), get(2, 3, "a", "3")],
  },
  {
    what: "two readers see two writes in different orders",
    linearizable: false,
    operations: [
      ...[put(0, 20, "a", "1"), put(0, 20, "a", "2")],
      ...[get(1, 2, "a", "1"), get(3, 4, "a", "2"), get(5, 6, "a", "1")],
    ],
  },
  {
    what: "a write without an answer takes effect long after",
    linearizable: true,
    operations: [put(0, never, "a", "1"), get(5, 6, "a", undefined), get(7, 8, "a", "1")],
  },
  {
    what: "a write without an answer never takes effect",
    linearizable: true,
    operations: [put(0, never, "a", "1"), put(1, 2, "a", "2"), get(3, 4, "a", "2"), get(9, 10, "a", "2")],
  },
  {
    what: "a write without an answer takes effect before it began",
    linearizable: false,
    operations: [get(0, 1, "a", "1"), put(2, never, "a", "1")],
  },
  {
    what: "a write without an answer takes effect twice",
    linearizable: false,
    operations: [
      ...[put(0, never, "a", "1"), get(1, 2, "a", "1")],
      ...[put(3, 4, "a", "2"), get(5, 6, "a", "2"), get(7, 8, "a", "1")],
    ],
  },
  {
    what: "one of two compare-and-sets at once wins",
    linearizable: true,
    operations: [
      swap(0, 5, "a", undefined, "1", true),
      swap(0, 5, "a", undefined, "2", false),
      get(6, 7, "a", "1"),
    ],
  },
  {
    what: "both of two compare-and-sets at once win",
    linearizable: false,
    operations: [swap(0, 5, "a", undefined, "1", true), swap(0, 5, "a", undefined, "2", true)],
  },
  {
    what: "a compare-and-set fails because of a write without an answer, which is gone again",
    linearizable: true,
    operations: [
      ...[put(0, 1, "a", "1"), put(2, never, "a", "2")],
      ...[swap(3, 4, "a", "1", "3", false), put(5, 6, "a", "1"), swap(7, 8, "a", "1", "3", true)],
    ],
  },
  {
    what: "two deletes at once both find the key",
    linearizable: false,
    operations: [put(0, 1, "a", "1"), remove(2, 5, "a", true), remove(2, 5, "a", true)],
  },
  {
    what: "an append counts once",
    linearizable: true,
    operations: [append(0, never, "a", "x", 1), append(1, 2, "a", "y", 2), get(3, 4, "a", "xy")],
  },
  {
    what: "an append is executed twice",
    linearizable: false,
    operations: [append(0, 1, "a", "x", 1), append(2, 3, "a", "y", 3), get(4, 5, "a", "xxy")],
  },
  {
    what: "keys apart are right, and one page over both is right",
    linearizable: true,
    operations: [
      put(0, 9, "a", "1"),
      put(0, 9, "b", "1"),
      range(1, 2, { b: "1" }),
      range(3, 4, { a: "1", b: "1" }),
    ],
  },
  {
    what: "keys apart are right, and pages over both tell of two orders",
    linearizable: false,
    operations: [put(0, 9, "a", "1"), put(0, 9, "b", "1"), range(1, 2, { b: "1" }), range(3, 4, { a: "1" })],
  },
  {
    what: "a revision that goes back",
    linearizable: false,
    operations: [put(0, 1, "a", "1", 7), put(2, 3, "a", "2", 6)],
  },
  {
    what: "a read tells another revision than the write",
    linearizable: false,
    operations: [put(0, 1, "a", "1", 7), get(2, 3, "a", "1", 8)],
  },
  {
    what: "the revision of a write without an answer is learnt, and stays",
    linearizable: false,
    operations: [put(0, never, "a", "1"), get(1, 2, "a", "1", 5), get(3, 4, "a", "1", 6)],
  },
  {
    what: "additions at once, each answered in some order",
    linearizable: true,
    operations: [compute(0, 9, "Add", 1, 3), compute(0, 9, "Add", 2, 2), number(1, 2, 2), number(3, 9, 3)],
  },
  {
    what: "one addition without an answer, executed twice",
    linearizable: false,
    operations: [compute(0, never, "Add", 5, 0), number(1, 2, 5), number(3, 4, 10)],
  },
  {
    what: "a multiplication that an addition must have gone before",
    linearizable: true,
    operations: [compute(0, 9, "Add", 3, 3), compute(0, 9, "Multiply", 2, 6)],
  },
  {
    what: "a number beyond int64 changes nothing",
    linearizable: true,
    operations: [
      call(calculator, "Add", { operand: "9223372036854775807" }, 0, 1, {
        answer: { value: "9223372036854775807" },
      }),
      call(calculator, "Add", { operand: "1" }, 2, 3, { error: "OUT_OF_RANGE" }),
      call(calculator, "Value", {}, 4, 5, { answer: { value: "9223372036854775807" } }),
    ],
  },
  {
    what: "a lock goes to the next in line",
    linearizable: true,
    operations: [
      ...[
        acquire(0, 1, "x", { acquired: true, token: 3 }),
        acquire(2, 3, "y", { acquired: false, token: 5 }),
      ],
      ...[release(4, 5, 3, true), holder(6, 7, "y", 5)],
    ],
  },
  {
    what: "a lock expires while nobody asks",
    linearizable: true,
    operations: [
      acquire(0, 1, "x", { acquired: true, token: 3 }),
      holder(2, 3, "x", 3),
      holder(4, 5, undefined),
    ],
  },
  {
    what: "two hold a lock at once",
    linearizable: false,
    operations: [
      ...[acquire(0, 1, "x", { acquired: true, token: 3 }), acquire(2, 3, "y", { acquired: true, token: 5 })],
      holder(4, 5, "x", 3),
    ],
  },
  {
    what: "a fencing token that does not grow",
    linearizable: false,
    operations: [
      acquire(0, 1, "x", { acquired: true, token: 5 }),
      acquire(2, 3, "y", { acquired: true, token: 4 }),
    ],
  },
  {
    what: "the second in line is served before the first",
    linearizable: false,
    operations: [
      ...[
        acquire(0, 1, "x", { acquired: true, token: 3 }),
        acquire(2, 3, "y", { acquired: false, token: 5 }),
      ],
      acquire(4, 5, "z", { acquired: false, token: 6, ahead: 1 }),
      ...[release(6, 7, 3, true), holder(8, 9, "z", 6, ["y"])],
    ],
  },
];

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openExecutionMarker, openReplicaStore } from "../src/index.js";
import { temporaryDirectory } from "./temporary.js";

const mayTry = 2;

test("a slot that ended the process is executed once more, and then known by its command", async () => {
  const directory = temporaryDirectory();
  const start = (build = "one") => openExecutionMarker(directory, build);

  const first = start();
  first.begin(1, 0);
  first.end();
  expect(first.begin(2, 0)).toBe(false);
  first.close();

  const second = start();
  expect(second.endedBy(2, 0, mayTry)).toBeUndefined();
  // Slot 1 was not on disk, and is executed again: what happened in slot 2 is not forgotten.
  second.begin(1, 0);
  second.end();
  expect(second.begin(2, 0)).toBe(true);
  second.note({ command: { index: 3, service: "bank.v1.Ledger", method: "Add" } });
  second.close();

  const third = start();
  expect(third.endedBy(2, 0, mayTry)).toMatchObject({ attempts: 2, command: { index: 3 } });
  // With a remedy, or another build, it is another thing.
  expect(third.endedBy(2, 1, mayTry)).toBeUndefined();
  expect(third.endedBy(3, 0, mayTry)).toBeUndefined();
  third.close();
  const fourth = start("two");
  expect(fourth.endedBy(2, 0, mayTry)).toBeUndefined();
  fourth.close();
});

test("a slot that was executed is no suspect, however the process ends after it", async () => {
  const directory = temporaryDirectory();
  for (let start = 0; start < 3; start++) {
    const marker = openExecutionMarker(directory, "one");
    expect(marker.endedBy(5, 0, 1)).toBeUndefined();
    marker.begin(5, 0);
    marker.end();
    marker.close();
  }
});

test("a promise is there after a restart, and the files beside the store are no foreign ones", async () => {
  const directory = temporaryDirectory();
  const store = await openReplicaStore(directory, { id: "r1", clusterId: "c" });
  const marker = openExecutionMarker(directory, "one");
  marker.hold({ slot: 7, remedies: 1 }, 6);
  marker.close();
  await store.close();

  const again = await openReplicaStore(directory, { id: "r1", clusterId: "c" });
  const markerAgain = openExecutionMarker(directory, "two");
  expect(markerAgain.held).toEqual([{ slot: 7, remedies: 1 }]);
  markerAgain.close();
  await again.close();
});

test("a promise binds until the store has kept its slot, whatever else is promised meanwhile", () => {
  const directory = temporaryDirectory();
  const marker = openExecutionMarker(directory, "one");
  marker.hold({ slot: 7, remedies: 1 }, 5);
  marker.hold({ slot: 9, remedies: 1 }, 6);
  marker.hold({ slot: 9, remedies: 2 }, 6);
  marker.close();
  const again = openExecutionMarker(directory, "one");
  expect([again.heldAt(7), again.heldAt(9)]).toEqual([
    { slot: 7, remedies: 1 },
    { slot: 9, remedies: 2 },
  ]);
  again.hold({ slot: 12, remedies: 1 }, 8);
  expect(again.held.map(({ slot }) => slot)).toEqual([9, 12]);
  again.close();
});

test("the last slot that was executed is known whatever the store has kept and whichever build comes next", async () => {
  const directory = temporaryDirectory();
  const marker = openExecutionMarker(directory, "one");
  for (const slot of [7, 8]) {
    marker.begin(slot, 0);
    marker.end();
  }
  marker.begin(9, 0);
  marker.close();
  const next = openExecutionMarker(directory, "two");
  // The store had kept no more than slot 6.
  next.begin(7, 0);
  next.end();
  next.close();
  const last = openExecutionMarker(directory, "two");
  expect(last.executed).toBe(8);
  last.close();
});

test("a promise that changed on the disk is found, and neither forgotten nor taken for another", () => {
  const directory = temporaryDirectory();
  const marker = openExecutionMarker(directory, "one");
  marker.hold({ slot: 7, remedies: 1 }, 0);
  marker.close();
  const file = path.join(directory, "held");
  const text = readFileSync(file, "utf8");
  for (const changed of [text.replace('"slot":7', '"slot":5'), text.replace("{", "z"), ""]) {
    expect(changed).not.toBe(text);
    writeFileSync(file, changed);
    expect(() => openExecutionMarker(directory, "one")).toThrow(
      expect.objectContaining({ reason: "damaged", message: expect.stringContaining("the file held") }),
    );
  }
});

test("a mark that cannot be read counts as none, and one with long names keeps the slot", async () => {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, "executing"), "\0".repeat(100));
  const marker = openExecutionMarker(directory, "one");
  marker.begin(9, 0);
  marker.note({ command: { index: 0, service: "x".repeat(2_000), method: "Do" } });
  marker.close();
  const next = openExecutionMarker(directory, "one");
  expect(next.endedBy(9, 0, 1)).toMatchObject({ slot: 9, attempts: 1 });
  next.close();
});

import { MemoryReplicaDisk, type ReplicaStore } from "@synod/storage";
import { type SnapshotPage, type SnapshotRequest, serviceLoop } from "@synod/wire";
import { expect, test } from "vitest";
import type { OtherReplica } from "../src/replica/catch-up/other-replica.js";
import { nextDigest, noDigest } from "../src/replica/catch-up/snapshot-digest.js";
import { SnapshotReceiver } from "../src/replica/catch-up/snapshot-receiver.js";

const bytes = (text: string) => Buffer.from(text);
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();

/** Two pages of a snapshot of slot 9: a row of the engine's own, and two of a user's table. */
function pages(): SnapshotPage[] {
  const first = [[bytes("a"), bytes("own")]] as const;
  const second = [
    [bytes("t1"), bytes("new")],
    [bytes("t2"), bytes("new")],
  ] as const;
  const digest = nextDigest(noDigest, first);
  const shared = { snapshot: "s", slot: 9, clusterId: "c", confirmed: 0 };
  return [
    { ...shared, entries: first, digest, last: false },
    { ...shared, entries: second, digest: nextDigest(digest, second), last: true },
  ];
}

/** A sender that gives these pages. */
function sender(
  given: Iterable<SnapshotPage> | AsyncIterable<SnapshotPage>,
  asked: SnapshotRequest[] = [],
): OtherReplica {
  const snapshot = (request: SnapshotRequest) => {
    asked.push(request);
    return {
      async *[Symbol.asyncIterator]() {
        yield* given;
      },
      cancel: () => {},
    };
  };
  return { snapshot } as never;
}

/** A replica that has applied slot 3, and its receiver. */
function bench(objection?: string) {
  const disk = new MemoryReplicaDisk({ store: "store" });
  const store: ReplicaStore = disk.open({ id: "r1", clusterId: "c", flushEveryMs: 0, onFailure: () => {} });
  store.state.put(bytes("t1"), bytes("old"));
  for (const slot of [1, 2, 3]) store.log.append(slot, bytes("value"));
  const events: string[] = [];
  const rows: string[] = [];
  const receiver = new SnapshotReceiver({
    store,
    engine: {
      system: {
        examines: (key: Uint8Array) => text(key)?.startsWith("t") === false,
        objectionTo: (own: Iterable<readonly [Uint8Array, Uint8Array]>) => {
          for (const [key] of own) rows.push(text(key) ?? "");
          return objection;
        },
      },
    } as never,
    clusterId: "c",
    replica: "r1",
    scheduler: serviceLoop,
    appliedSlot: () => store.log.last,
    mayApply: (may) => events.push(may ? "may apply" : "may not apply"),
    replaced: () => events.push(`replaced by ${text(store.state.get(bytes("t1")))}`),
  });
  return { store, events, rows, receiver };
}

test("applies nothing from the moment a snapshot begins to take the state's place until it has (rule 19)", async () => {
  const { store, events, rows, receiver } = bench();
  const asked: SnapshotRequest[] = [];
  await receiver.receive(sender(pages(), asked), "r2");
  expect(events).toEqual(["may not apply", "replaced by new", "may apply"]);
  expect(new Set(rows)).toEqual(new Set(["a"]));
  expect(asked).toEqual([{ clusterId: "c", above: 3, resume: undefined, member: "r1" }]);
  expect([store.log.last, store.durableSlot, text(store.state.get(bytes("t2")))]).toEqual([9, 9, "new"]);
});

test("takes nothing of another cluster's snapshot (rule 28)", async () => {
  const { store, events, rows, receiver } = bench();
  const given = pages().map((page) => ({ ...page, clusterId: "other" }));
  await expect(receiver.receive(sender(given), "r2")).rejects.toThrow(
    "cluster other, and cluster c was meant",
  );
  expect([events, rows, store.unfinishedInstall]).toEqual([[], [], undefined]);
});

test("throws away a snapshot of which a page came in damaged (rule 19)", async () => {
  const { store, events, receiver } = bench();
  const [first, second] = pages() as [SnapshotPage, SnapshotPage];
  const damaged = { ...second, entries: [[bytes("t1"), bytes("nev")] as const] };
  await expect(receiver.receive(sender([first, damaged]), "r2")).rejects.toThrow("thrown away");
  expect([text(store.state.get(bytes("t1"))), store.unfinishedInstall, events]).toEqual([
    "old",
    undefined,
    [],
  ]);
});

test("throws away a snapshot that contradicts what a majority reported (rule 27)", async () => {
  const { store, events, receiver } = bench("its hash is another");
  await expect(receiver.receive(sender(pages()), "r2")).rejects.toThrow("not installed: its hash is another");
  expect([text(store.state.get(bytes("t1"))), store.unfinishedInstall, events]).toEqual([
    "old",
    undefined,
    [],
  ]);
});

test("takes in no more of a snapshot that is of another format than the page that says so", async () => {
  const { store, events, receiver } = bench("this build cannot go on with it");
  const [first] = pages() as [SnapshotPage];
  const never = (async function* () {
    yield first;
    throw new Error("a second page was read");
  })();
  await expect(receiver.receive(sender(never), "r2")).rejects.toThrow("this build cannot go on with it");
  expect([store.unfinishedInstall, events]).toEqual([undefined, []]);
});

test("goes on applying when the snapshot turns out to be too old, and keeps its state (rule 19)", async () => {
  const { store, events, receiver } = bench();
  for (let slot = 4; slot <= 9; slot++) store.log.append(slot, bytes("value"));
  await expect(receiver.receive(sender(pages()), "r2")).rejects.toThrow("above slot 9");
  expect([text(store.state.get(bytes("t1"))), events]).toEqual(["old", ["may not apply", "may apply"]]);
});

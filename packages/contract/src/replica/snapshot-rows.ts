import { refusesAnotherCluster, wrongCluster } from "../every-role/cluster-cells.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Check, check, type Row, writing } from "../suite/matrix.js";
import { type Message, malformed, oversized } from "../suite/message.js";
import { endsWith } from "../suite/target.js";
import { aKey, bytes, kv, replicaState } from "./replica-bench.js";
import { noBallot } from "./replica-calls.js";
import {
  digestAfter,
  keysOf,
  large,
  nextPage,
  nobodyReads,
  noDigest,
  onDisk,
  openSnapshot,
  pagesOf,
  restAfter,
  resumeAfter,
  wholeOf,
  withReader,
} from "./snapshot-bench.js";

/** More than any implementation should want to keep open at once for readers that are gone. */
const readersGone = 12;

type Statuses = Parameters<typeof endsWith>[1];

async function refused(
  context: Context,
  request: Message | Buffer,
  statuses: Statuses,
  words: readonly string[],
  what: string,
): Promise<void> {
  const stream = openSnapshot(context, request);
  endsWith(await stream.ending(), statuses, words, what);
  equal(
    stream.take(() => true),
    [],
    "pages before the refusal",
  );
  await context.target("replica").status();
}

const refusal = (
  what: string,
  request: Message | Buffer,
  statuses: Statuses,
  words: readonly string[] = [],
): Check =>
  check("replica.proto", `${what}: ${statuses.join(" or ")}, and no page`, (context) =>
    refused(context, request, statuses, words, what),
  );

const accepted: Check[] = [
  check(
    "PMMC 4.2, replica.proto",
    "its pages have ascending keys and a digest chain that is right, and are all of one slot of this cluster",
    async (context) => {
      const { durableSlot } = await replicaState(context);
      // One that others are reading may be older.
      const pages = await pagesOf(openSnapshot(context, { above: Math.max(0, durableSlot - 1) }));
      const { clusterId } = await context.target("replica").status();
      const { slot, clusterId: said, snapshot } = pages[0] as Message;
      equal(said, clusterId, "SnapshotPage.cluster_id");
      holds(snapshot !== "", "SnapshotPage.snapshot", "a name", snapshot);
      const { slotOut } = await replicaState(context);
      holds(
        slot >= durableSlot && slot < slotOut,
        "SnapshotPage.slot",
        `one from ${durableSlot} to ${slotOut - 1}`,
        slot,
      );
    },
  ),
  writing("rule 17, replica.proto", "what was on the disk before is in it, whole", async (context) => {
    const { values } = await large(context);
    const value = bytes(48);
    await kv(context, "Put", { key: aKey(context), value });
    const { slotOut } = await replicaState(context);
    await onDisk(context, slotOut - 1);
    const pages = await pagesOf(openSnapshot(context, { above: slotOut - 2 }));
    const all = Buffer.concat(
      pages.flatMap(({ entries }) => entries.flatMap((entry: Message) => [entry.key, entry.value])),
    );
    for (const one of [value, ...values])
      holds(all.includes(one), "the snapshot", "one with the values that were put", "one without");
  }),
  writing("replica.proto", "commands go on while it is read, and change nothing in it", async (context) => {
    await withReader(context, async (page) => {
      const before = await wholeOf(context, page);
      await kv(context, "Put", { key: aKey(context), value: bytes() });
      equal(await wholeOf(context, page), before, "the pages after a command");
    });
  }),
];

const resumed: Check[] = [
  writing(
    "replica.proto",
    "gone on with after a page it gives exactly the rest, whichever page was asked for before",
    async (context) => {
      await withReader(context, async (page) => {
        const pages = await wholeOf(context, page);
        equal(pages[0], page, "the first page, asked for again");
        // Beginning with the last, from which nothing is left.
        for (const had of [pages.length, pages.length - 1, 1, Math.ceil(pages.length / 2)]) {
          const rest = await restAfter(context, pages.slice(0, had));
          equal(keysOf(rest), keysOf(pages.slice(had)), `the keys after page ${had}`);
          if (had < pages.length) equal(rest, pages.slice(had), `the pages after page ${had}`);
        }
      });
    },
  ),
  writing("replica.proto", "a reader that went away after a page may go on with it", async (context) => {
    await withReader(context, async (page, reader) => {
      const [, ...rest] = await wholeOf(context, page);
      await reader.cancel();
      await nobodyReads(context, page);
      equal(await restAfter(context, [page]), rest, "the pages after the first");
    });
  }),
];

const repeated: Check[] = [
  check("replica.proto", "asked twice at once, both are given the whole of it", async (context) => {
    const streams = [openSnapshot(context), openSnapshot(context)];
    const [one, two] = await Promise.all(streams.map((stream) => pagesOf(stream)));
    const [first, second] = [one?.[0], two?.[0]];
    if (first?.snapshot === second?.snapshot) equal(two, one, "the pages of one snapshot");
  }),
  check("replica.proto", "asked again, it is of no earlier slot", async (context) => {
    const [first] = await pagesOf(openSnapshot(context));
    const [second] = await pagesOf(openSnapshot(context, { above: first?.slot - 1 }));
    holds(second?.slot >= first?.slot, "SnapshotPage.slot", `at least ${first?.slot}`, second?.slot);
  }),
  writing(
    "replica.proto",
    `${readersGone} readers that go away after a page leave the service healthy, and the next one is served`,
    async (context) => {
      for (let count = 0; count < readersGone; count++) await withReader(context, async () => {});
      await pagesOf(openSnapshot(context));
      await kv(context, "Put", { key: aKey(context), value: bytes() });
    },
  ),
];

/** Positions that a reader claims to have reached, and that no page sent to it ended with. */
const untrue: Readonly<Record<string, (page: Message) => Message>> = {
  "a digest that is not the page's": (page) => ({
    ...resumeAfter([page]),
    digest: digestAfter(page.digest, []),
  }),
  "a key that no page ended with": (page) => ({
    ...resumeAfter([page]),
    after: Buffer.concat([keysOf([page]).at(-1) as Buffer, Buffer.from([0])]),
  }),
  "a digest and no key": (page) => ({ ...resumeAfter([page]), after: Buffer.alloc(0) }),
};

const badRequests: Check[] = [
  refusal("bytes that are no message", malformed, ["INVALID_ARGUMENT"]),
  refusal("a slot of 2^53", { above: "9007199254740992" }, ["INVALID_ARGUMENT"]),
  refusal("a digest of 31 bytes", { snapshot: "one", digest: noDigest.subarray(1) }, ["INVALID_ARGUMENT"]),
  refusal("a snapshot's name with a blank", { snapshot: "no name", digest: noDigest }, ["INVALID_ARGUMENT"]),
  refusal("a snapshot that is not kept", { snapshot: "contract-none", digest: noDigest }, ["NOT_FOUND"]),
  refusal("one above what the replica has", { above: 2 ** 52 }, ["FAILED_PRECONDITION"], [`${2 ** 52}`]),
  ...Object.entries(untrue).map(([what, spoil]) =>
    writing(
      "replica.proto",
      `gone on with after ${what}: DATA_LOSS, and no page: nothing is chained to what was never sent`,
      async (context) => {
        await withReader(context, (page) => refused(context, spoil(page), ["DATA_LOSS"], [], what));
      },
    ),
  ),
];

export const snapshots: Row = {
  role: "replica",
  rpc: "Replica.Snapshot",
  cells: {
    accepted,
    "higher ballot": noBallot,
    repeated,
    reordered: resumed,
    malformed: badRequests,
    oversized: [
      refusal("5 MiB", oversized, ["RESOURCE_EXHAUSTED"]),
      refusal(
        "a key of 4,097 bytes",
        { snapshot: "contract-none", after: Buffer.alloc(4097, 1), digest: noDigest },
        ["INVALID_ARGUMENT"],
      ),
      writing(
        "gRPC",
        "a state of more than 4 MiB comes in pages that each fit a message",
        async (context) => {
          await large(context);
          for (const { entries } of await pagesOf(openSnapshot(context))) {
            const size = entries.reduce(
              (sum: number, { key, value }: Message) => sum + key.length + value.length,
              0,
            );
            holds(size <= 4 << 20, "bytes of a page", "at most 4 MiB", size);
          }
        },
      ),
    ],
    "wrong cluster": [
      ...refusesAnotherCluster("replica", "synod.v1.Replica/Snapshot"),
      check(
        "hello, replica.proto",
        "another one is FAILED_PRECONDITION, and both are named",
        async (context) => {
          const { clusterId } = await context.target("replica").status();
          const words = [wrongCluster, clusterId];
          await refused(
            context,
            { clusterId: wrongCluster },
            ["FAILED_PRECONDITION"],
            words,
            "another cluster",
          );
        },
      ),
      check("replica.proto", "the cluster's own name is right", async (context) => {
        const { clusterId } = await context.target("replica").status();
        equal((await nextPage(openSnapshot(context, { clusterId }))).clusterId, clusterId, "cluster_id");
      }),
    ],
  },
};

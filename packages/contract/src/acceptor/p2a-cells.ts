import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { voteDoor, wrongClusterCheck } from "../every-role/streams.js";
import { equal } from "../suite/expect.js";
import { type Cell, type Check, type Column, check, restarting, writing } from "../suite/matrix.js";
import { malformed } from "../suite/message.js";
import { aValue, badBallots, badValues, lowest } from "../suite/values.js";
import {
  accepted,
  allAccepted,
  benchOf,
  invalid,
  type Port,
  p1aOf,
  p2aOf,
  promises,
  refusesWith,
  restarted,
  tells,
  unchanged,
} from "./acceptor-bench.js";
import { oversizedCell } from "./acceptor-cells.js";

type Cells = Record<Column, Cell>;

const p2aAccepted = (port: Port): Check[] => [
  writing(
    "rule 2",
    "at the promised ballot it is accepted; the answer names the ballot asked, slot, promise and store",
    async (context) => {
      const bench = benchOf(context);
      const ballot = await bench.ballot();
      const slot = await bench.slots(1);
      const value = aValue(context);
      promises(await port.prepare(context, p1aOf(ballot)), ballot);
      await accepted(context, port, ballot, new Map([[slot, value]]));
      tells(await allAccepted(context, port, ballot, slot), slot, ballot, value);
      equal((await bench.state()).highestSlot, slot, "Status.highest_slot");
    },
  ),
  writing(
    "paxos.proto",
    "a no-op, a configuration and a batch are kept as they were sent",
    async (context) => {
      const bench = benchOf(context);
      const ballot = await bench.ballot();
      const first = await bench.slots(3);
      const acceptors = [{ id: "a1", address: "127.0.0.1:1", store: "s1" }];
      const configuration = { number: 2, predecessor: 1, acceptors, leaders: [], replicas: [] };
      const { proposal } = aValue(context);
      const values = new Map([
        [first, { noOperation: {} }],
        [first + 1, { proposal, configuration }],
        [first + 2, aValue(context)],
      ]);
      await accepted(context, port, ballot, values);
      const found = await allAccepted(context, port, ballot, first);
      for (const [slot, value] of values) tells(found, slot, ballot, value);
    },
  ),
  restarting(
    "rule 3",
    "a pvalue that was answered survives a restart, and so does the promise",
    async (context) => {
      const bench = benchOf(context);
      const ballot = await bench.ballot();
      const slot = await bench.slots(1);
      const value = aValue(context);
      await accepted(context, port, ballot, new Map([[slot, value]]));
      await restarted(context);
      const answer = await port.prepare(context, p1aOf(lowest, slot));
      refusesWith(answer, ballot, lowest);
      tells(answer.accepted, slot, ballot, value);
    },
  ),
];

/** Cells of P2a, whichever way it comes. */
export function p2aCells(port: Port): Cells {
  return {
    accepted: p2aAccepted(port),
    "higher ballot": [
      writing(
        "rule 2",
        "a ballot above the promise is adopted: promised and voted for in one",
        async (context) => {
          const bench = benchOf(context);
          const low = await bench.ballot();
          promises(await port.prepare(context, p1aOf(low)), low);
          const high = await bench.ballot();
          await accepted(context, port, high, new Map([[await bench.slots(1), aValue(context)]]));
          equal((await bench.state()).promised, high, "Status.promised");
          refusesWith(await port.prepare(context, p1aOf(low)), high, low);
        },
      ),
      writing("PMMC 4.1", "of a slot the pvalue with the highest ballot is kept", async (context) => {
        const bench = benchOf(context);
        const slot = await bench.slots(1);
        const low = await bench.ballot();
        await accepted(context, port, low, new Map([[slot, aValue(context)]]));
        const high = await bench.ballot();
        const value = aValue(context);
        await accepted(context, port, high, new Map([[slot, value]]));
        tells(await allAccepted(context, port, high, slot), slot, high, value);
      }),
      writing(
        "rule 2",
        "a ballot below the promise is refused: the answer names the ballot asked and the promise",
        async (context) => {
          const bench = benchOf(context);
          const low = await bench.ballot();
          const high = await bench.ballot();
          const slot = await bench.slots(1);
          promises(await port.prepare(context, p1aOf(high)), high);
          const answer = await port.accept(context, p2aOf(low, slot, aValue(context)));
          refusesWith(answer, high, low);
          equal(answer.slot, slot, "P2b.slot");
          equal((await allAccepted(context, port, high, slot)).length, 0, "pvalues stored by a refused P2a");
        },
      ),
    ],
    repeated: [
      writing("rule 8", "asked again, it answers the same and keeps one pvalue", async (context) => {
        const bench = benchOf(context);
        const ballot = await bench.ballot();
        const slot = await bench.slots(1);
        const value = aValue(context);
        const first = await port.accept(context, p2aOf(ballot, slot, value));
        equal(await port.accept(context, p2aOf(ballot, slot, value)), first, "the second answer");
        const found = await allAccepted(context, port, ballot, slot);
        equal(found.length, 1, "pvalues from the slot on");
        tells(found, slot, ballot, value);
      }),
    ],
    reordered: [
      writing(
        "rule 2, PMMC 4.1",
        "a delayed P2a of a lower ballot does not replace the pvalue of a higher one",
        async (context) => {
          const bench = benchOf(context);
          const slot = await bench.slots(1);
          const low = await bench.ballot();
          const high = await bench.ballot();
          const value = aValue(context);
          await accepted(context, port, high, new Map([[slot, value]]));
          refusesWith(await port.accept(context, p2aOf(low, slot, aValue(context))), high, low);
          tells(await allAccepted(context, port, high, slot), slot, high, value);
        },
      ),
      writing("rule 2", "slots are accepted in any order, and told in theirs", async (context) => {
        const bench = benchOf(context);
        const ballot = await bench.ballot();
        const first = await bench.slots(3);
        const values = new Map([2, 0, 1].map((offset) => [first + offset, aValue(context)]));
        await accepted(context, port, ballot, values);
        const found = await allAccepted(context, port, ballot, first);
        for (const [slot, value] of values) tells(found, slot, ballot, value);
      }),
    ],
    malformed: [
      ...Object.entries(badBallots).map(([what, ballot]) =>
        check("paxos.proto", `${what}: INVALID_ARGUMENT, and nothing changes`, async (context) => {
          await unchanged(context, async () => {
            const p2a = p2aOf(ballot as never, 1, { noOperation: {} });
            invalid(await port.refused(context, { p2a }), what);
          });
        }),
      ),
      ...Object.entries(badValues).map(([what, value]) =>
        check("paxos.proto", `${what}: INVALID_ARGUMENT, and nothing changes`, async (context) => {
          await unchanged(context, async () => {
            invalid(await port.refused(context, { p2a: p2aOf(lowest, 1, value as never) }), what);
          });
        }),
      ),
      check("paxos.proto", "slot 0, and no pvalue at all: INVALID_ARGUMENT", async (context) => {
        await unchanged(context, async () => {
          invalid(await port.refused(context, { p2a: p2aOf(lowest, 0, { noOperation: {} }) }), "slot 0");
          invalid(await port.refused(context, { p2a: {} }), "no pvalue");
        });
      }),
      check("paxos.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
        await unchanged(context, async () => invalid(await port.refused(context, malformed), "no message"));
      }),
    ],
    oversized: oversizedCell(port, [
      writing("gRPC", "a value of 3 MiB fits one message, and is kept whole", async (context) => {
        const bench = benchOf(context);
        const ballot = await bench.ballot();
        const slot = await bench.slots(1);
        const { proposal } = aValue(context);
        const commands = [1, 2, 3, 4].map(() => aValue(context, 740 << 10).batch.commands[0]);
        const value = { proposal, batch: { commands } };
        await accepted(context, port, ballot, new Map([[slot, value]]));
        tells(await allAccepted(context, port, ballot, slot), slot, ballot, value);
      }),
    ]),
    "wrong cluster": port.stream
      ? [wrongClusterCheck(voteDoor, { p2a: p2aOf(lowest, 1, { noOperation: {} }) })]
      : refusesAnotherCluster("acceptor", "synod.v1.Acceptor/Accept"),
  };
}

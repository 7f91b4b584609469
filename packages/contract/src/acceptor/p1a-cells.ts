import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { voteDoor, wrongClusterCheck } from "../every-role/streams.js";
import { equal } from "../suite/expect.js";
import { type Cell, type Check, type Column, check, restarting, writing } from "../suite/matrix.js";
import { malformed } from "../suite/message.js";
import { aValue, badBallots, lowest } from "../suite/values.js";
import {
  accepted,
  allAccepted,
  benchOf,
  invalid,
  type Port,
  p1aOf,
  promises,
  refusesWith,
  restarted,
  signed,
  tells,
  unchanged,
} from "./acceptor-bench.js";
import { oversizedCell } from "./acceptor-cells.js";

type Cells = Record<Column, Cell>;

const p1aAccepted = (port: Port): Check[] => [
  writing(
    "rule 1",
    "a ballot above the promise is promised; the answer names acceptor, store and what it answers",
    async (context) => {
      const ballot = await benchOf(context).ballot();
      const answer = await port.prepare(context, p1aOf(ballot, 7, { configuration: 3, scout: 11 }));
      await signed(context, answer, ballot);
      promises(answer, ballot);
      equal(
        [answer.configuration, answer.from, answer.scout],
        [3, 7, 11],
        "configuration, from and scout, echoed",
      );
      equal((await benchOf(context).state()).promised, ballot, "Status.promised");
    },
  ),
  writing(
    "rule 1, PMMC 4.1",
    "the pages tell every accepted pvalue from the asked slot on, and none below",
    async (context) => {
      const bench = benchOf(context);
      const ballot = await bench.ballot();
      const first = await bench.slots(6);
      // Two pages at least: together they are more than one message may be.
      const slots = [0, 1, 2, 4, 5].map((offset) => first + offset);
      const values = new Map(slots.map((slot) => [slot, aValue(context, 700 << 10)]));
      await accepted(context, port, ballot, values);
      const found = await allAccepted(context, port, ballot, first);
      for (const [slot, value] of values) tells(found, slot, ballot, value);
      equal(
        found.map(({ slot }) => slot),
        slots,
        "slots in the pages",
      );
      const rest = await allAccepted(context, port, ballot, first + 2);
      equal(
        rest.map(({ slot }) => slot),
        slots.slice(2),
        `slots in the pages from ${first + 2} on`,
      );
    },
  ),
  restarting("rule 3", "a promise that was answered survives a restart", async (context) => {
    const ballot = await benchOf(context).ballot();
    promises(await port.prepare(context, p1aOf(ballot)), ballot);
    await restarted(context);
    refusesWith(await port.prepare(context, p1aOf(lowest)), ballot, lowest);
  }),
];

const p1aHigher = (port: Port): Check[] => [
  check("rule 1", "a ballot below the promise is refused: the answer shows the promise", async (context) => {
    const { promised } = await benchOf(context).state();
    // Where nothing is promised yet even the lowest ballot would be; then this has nothing to read.
    if (!promised) return;
    await unchanged(context, async () => {
      refusesWith(await port.prepare(context, p1aOf(lowest)), promised, lowest);
    });
  }),
  writing("rule 1", "a higher ballot replaces the promise, which never falls again", async (context) => {
    const low = await benchOf(context).ballot();
    promises(await port.prepare(context, p1aOf(low)), low);
    const high = await benchOf(context).ballot();
    promises(await port.prepare(context, p1aOf(high)), high);
    refusesWith(await port.prepare(context, p1aOf(low)), high, low);
    equal((await benchOf(context).state()).promised, high, "Status.promised");
  }),
  writing(
    "PMMC 2.2, paxos.proto",
    "ballots of one round are ordered by leader as text, then by incarnation",
    async (context) => {
      const { round } = await benchOf(context).ballot();
      const rising = [
        { round, leader: "contract-10", incarnation: 9 },
        { round, leader: "contract-9", incarnation: 1 },
        { round, leader: "contract-9", incarnation: 2 },
      ];
      for (const ballot of rising) promises(await port.prepare(context, p1aOf(ballot)), ballot);
      for (const ballot of rising.slice(0, 2))
        refusesWith(await port.prepare(context, p1aOf(ballot)), rising[2] as never, ballot);
    },
  ),
];

/** Cells of P1a, whichever way it comes. */
export function p1aCells(port: Port): Cells {
  return {
    accepted: p1aAccepted(port),
    "higher ballot": p1aHigher(port),
    repeated: [
      writing("rule 6", "asked again, it answers the same", async (context) => {
        const ballot = await benchOf(context).ballot();
        const first = await port.prepare(context, p1aOf(ballot));
        equal(await port.prepare(context, p1aOf(ballot)), first, "the second answer");
      }),
    ],
    reordered: [
      writing(
        "rules 1, 2",
        "a P1a that comes after a P2a of a higher ballot is refused, and tells what was accepted",
        async (context) => {
          const bench = benchOf(context);
          const low = await bench.ballot();
          const high = await bench.ballot();
          const slot = await bench.slots(1);
          const value = aValue(context);
          await accepted(context, port, high, new Map([[slot, value]]));
          const answer = await port.prepare(context, p1aOf(low, slot));
          refusesWith(answer, high, low);
          tells(answer.accepted, slot, high, value);
        },
      ),
      writing(
        "rule 1",
        "a later page asked for before an earlier one: each tells its own slots",
        async (context) => {
          const bench = benchOf(context);
          const ballot = await bench.ballot();
          const first = await bench.slots(2);
          const values = [aValue(context), aValue(context)] as const;
          await accepted(
            context,
            port,
            ballot,
            new Map([
              [first, values[0]],
              [first + 1, values[1]],
            ]),
          );
          const later = await port.prepare(context, p1aOf(ballot, first + 1));
          const earlier = await port.prepare(context, p1aOf(ballot, first));
          tells(later.accepted, first + 1, ballot, values[1]);
          equal(later.accepted.length, 1, "pvalues of the later page");
          tells(earlier.accepted, first, ballot, values[0]);
          tells(earlier.accepted, first + 1, ballot, values[1]);
        },
      ),
    ],
    malformed: [
      ...Object.entries(badBallots).map(([what, ballot]) =>
        check("paxos.proto", `${what}: INVALID_ARGUMENT, and nothing changes`, async (context) => {
          await unchanged(context, async () => {
            invalid(await port.refused(context, { p1a: p1aOf(ballot as never) }), what);
          });
        }),
      ),
      check("paxos.proto", "slots count from 1: from = 0 is INVALID_ARGUMENT", async (context) => {
        await unchanged(context, async () => {
          invalid(await port.refused(context, { p1a: p1aOf(lowest, 0) }), "from = 0");
        });
      }),
      check("paxos.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
        await unchanged(context, async () => invalid(await port.refused(context, malformed), "no message"));
      }),
    ],
    oversized: oversizedCell(port, [
      check(
        "paxos.proto",
        "a leader's name of 65 characters: INVALID_ARGUMENT, and nothing changes",
        async (context) => {
          await unchanged(context, async () => {
            const ballot = { ...lowest, leader: "x".repeat(65) };
            invalid(await port.refused(context, { p1a: p1aOf(ballot) }), "65 characters");
          });
        },
      ),
    ]),
    "wrong cluster": port.stream
      ? [wrongClusterCheck(voteDoor, { p1a: p1aOf(lowest) })]
      : refusesAnotherCluster("acceptor", "synod.v1.Acceptor/Prepare"),
  };
}

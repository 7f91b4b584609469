import {
  invalidOnStream,
  opened,
  oversizedOnStream,
  voteDoor,
  wrongClusterCheck,
} from "../every-role/streams.js";
import type { Context } from "../suite/context.js";
import { equal, fail } from "../suite/expect.js";
import { type Cell, type Check, type Column, restarting, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { pause, type Stream } from "../suite/target.js";
import { aValue, type Ballot, lowest } from "../suite/values.js";
import {
  accepted,
  allAccepted,
  benchOf,
  heartbeat,
  p1aOf,
  p2aOf,
  restarted,
  signed,
  unaryPort,
  unchanged,
} from "./acceptor-bench.js";

const port = unaryPort("Acceptor.Vote trim");

/** A trim record as a leader of this run sends it: with one configuration, so that it is seen to be kept. */
function recordOf(below: number, number = 1): Message {
  const acceptors = [{ id: "a1", address: "127.0.0.1:1", store: "s1" }];
  const configuration = { number, predecessor: number - 1, acceptors, leaders: [], replicas: [] };
  return { below, configurations: [{ from: 1, configuration }] };
}

interface Trimmed {
  readonly ballot: Ballot;
  /** Four slots with a value each; the first two are trimmed. */
  readonly first: number;
  readonly values: ReadonlyMap<number, Message>;
  readonly record: Message;
  readonly stream: Stream;
}

/** A trim is not answered: what the acceptor says of itself shows that it has taken it. */
async function told(context: Context, stream: Stream, record: Message): Promise<void> {
  stream.send({ trim: record });
  const until = performance.now() + context.patienceMs;
  for (let beat = 1; ; beat++) {
    const { trimmedBelow } = await heartbeat(stream, lowest, beat);
    if (trimmedBelow >= record.below) break;
    if (performance.now() > until)
      fail("HeartbeatAck.trimmed_below", `${record.below} in time`, trimmedBelow);
    await pause(10);
  }
}

async function trimmed(context: Context): Promise<Trimmed> {
  const bench = benchOf(context);
  const ballot = await bench.ballot();
  const first = await bench.slots(4);
  const values = new Map([0, 1, 2, 3].map((offset) => [first + offset, aValue(context)]));
  await accepted(context, port, ballot, values);
  const { stream } = await opened(context, voteDoor);
  const record = recordOf(first + 2);
  await told(context, stream, record);
  return { ballot, first, values, record, stream };
}

/** The acceptor must tell of exactly these slots, with this record, whatever the ballot. */
async function tellsOf(context: Context, slots: readonly number[], record: Message): Promise<void> {
  const answer = await port.prepare(context, p1aOf(lowest));
  equal(
    answer.accepted.map(({ slot }: Message) => slot),
    slots,
    "slots in the page from slot 1 on",
  );
  equalRecord(answer.trim, record, "P1b.trim");
  equal((await benchOf(context).state()).trimmedBelow, record.below, "Status.trimmed_below");
}

/** Requires two trim records to be equal, but for what the proto's defaults add. */
function equalRecord(found: Message | null, record: Message, what: string): void {
  equal(found?.below, record.below, `${what}.below`);
  const numbers = (of: Message | null) =>
    (of?.configurations ?? []).map((one: Message) => [one.from, one.configuration.number]);
  equal(numbers(found), numbers(record), `${what}.configurations, by their first slot and number`);
}

/** A late P2a must not bring back what is gone, nor be taken for a vote. */
async function answersWithRecord(
  context: Context,
  { ballot, first, record }: Trimmed,
  asked: Ballot,
): Promise<void> {
  const answer = await port.accept(context, p2aOf(asked, first + 1, aValue(context)));
  await signed(context, answer, asked);
  equal(answer.slot, first + 1, "P2b.slot");
  equalRecord(answer.trim, record, "P2b.trim");
  equal(answer.promised, ballot, "P2b.promised: nothing is promised with it");
  await tellsOf(context, [first + 2, first + 3], record);
}

const forgets: Check[] = [
  writing(
    "rules 1, 2, 18",
    "slots below are forgotten; HeartbeatAck, P1b, P2b and the status say so, and those above stay",
    async (context) => {
      const state = await trimmed(context);
      const { ballot, first, values, record } = state;
      await tellsOf(context, [first + 2, first + 3], record);
      const found = await allAccepted(context, port, ballot, first + 2);
      equal(found.length, 2, "pvalues above the mark");
      await answersWithRecord(context, state, ballot);
      const above = await port.accept(context, p2aOf(ballot, first + 3, values.get(first + 3) as Message));
      equal(above.trim ?? null, null, "P2b.trim, of a slot above the mark");
    },
  ),
  writing("hello, rule 18", "the next hello brings the configurations decided below", async (context) => {
    const { record } = await trimmed(context);
    const { hello } = await opened(context, voteDoor);
    equalRecord({ ...record, configurations: hello.configurations }, record, "what the hello knows");
  }),
  restarting("rules 3, 18", "a record that a P1b has told survives a restart", async (context) => {
    const state = await trimmed(context);
    const { first, record, ballot } = state;
    await tellsOf(context, [first + 2, first + 3], record);
    await restarted(context);
    await tellsOf(context, [first + 2, first + 3], record);
    await answersWithRecord(context, state, ballot);
  }),
];

const reordered: Check[] = [
  writing(
    "rule 18",
    "an older one takes nothing back, and its configurations do not count",
    async (context) => {
      const { first, record, stream } = await trimmed(context);
      stream.send({ trim: recordOf(first + 1, 9) });
      stream.send({ trim: recordOf(1, 9) });
      await heartbeat(stream, lowest, 1);
      await tellsOf(context, [first + 2, first + 3], record);
      const later = recordOf(first + 3);
      await told(context, stream, later);
      await tellsOf(context, [first + 3], later);
    },
  ),
  writing(
    "rule 18",
    "one that comes before the values of its slots: those are not stored",
    async (context) => {
      const bench = benchOf(context);
      const ballot = await bench.ballot();
      const first = await bench.slots(4);
      const { stream } = await opened(context, voteDoor);
      const record = recordOf(first + 2);
      await told(context, stream, record);
      const values = new Map([2, 3].map((offset) => [first + offset, aValue(context)]));
      await accepted(context, port, ballot, values);
      await answersWithRecord(context, { ballot, first, values, record, stream }, ballot);
    },
  ),
];

export const trimCells: Record<Column, Cell> = {
  accepted: forgets,
  "higher ballot": [
    writing(
      "rules 2, 18",
      "a P2a of a higher ballot for a forgotten slot is answered with the record, and promises nothing",
      async (context) => {
        const state = await trimmed(context);
        const higher = { ...state.ballot, round: state.ballot.round + 1 };
        await answersWithRecord(context, state, higher);
      },
    ),
  ],
  repeated: [
    writing("rule 18", "the same one again changes nothing", async (context) => {
      const { first, record, stream } = await trimmed(context);
      await unchanged(context, async () => {
        stream.send({ trim: record });
        stream.send({ trim: record });
        await heartbeat(stream, lowest, 1);
      });
      await tellsOf(context, [first + 2, first + 3], record);
    }),
  ],
  reordered,
  // None of these says more than is known: had it been taken, nothing would be forgotten.
  malformed: invalidOnStream(voteDoor, {
    "a slot of 2^53": { trim: { below: "9007199254740992", configurations: [] } },
    "a configuration without acceptors": {
      trim: { below: 1, configurations: [{ from: 1, configuration: { number: 1 } }] },
    },
    "a configuration from slot 0 on": {
      trim: { below: 1, configurations: [{ ...recordOf(1).configurations[0], from: 0 }] },
    },
  }),
  oversized: oversizedOnStream(voteDoor),
  "wrong cluster": [wrongClusterCheck(voteDoor, { trim: recordOf(1) })],
};

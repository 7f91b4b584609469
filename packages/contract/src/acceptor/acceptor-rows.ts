import {
  helloCells,
  invalidOnStream,
  opened,
  oversizedOnStream,
  voteDoor,
  wrongClusterCheck,
} from "../every-role/streams.js";
import type { Context } from "../suite/context.js";
import { equal } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import type { Stream } from "../suite/target.js";
import { badBallots, lowest } from "../suite/values.js";
import {
  benchOf,
  heartbeat,
  p1aOf,
  promises,
  signed,
  streamPort,
  unaryPort,
  unchanged,
} from "./acceptor-bench.js";
import { p1aCells } from "./p1a-cells.js";
import { p2aCells } from "./p2a-cells.js";
import { trimCells } from "./trim-cells.js";

async function preVote(stream: Stream, ballot: Message, configuration = 1): Promise<Message> {
  stream.send({ preVote: { ballot, configuration } });
  const { preVoteAnswer } = await stream.next(
    "a PreVoteAnswer",
    ({ message }) => message === "preVoteAnswer",
  );
  return preVoteAnswer;
}

/** A promise of a leader of this run, and that ballot. */
async function led(
  context: Context,
): Promise<Message & { round: number; leader: string; incarnation: number }> {
  const ballot = await benchOf(context).ballot();
  promises(await unaryPort("Acceptor.Prepare").prepare(context, p1aOf(ballot)), ballot);
  return ballot;
}

const hello: Row = {
  role: "acceptor",
  rpc: "Acceptor.Vote hello",
  cells: helloCells(voteDoor, [
    check(
      "hello, rule 5",
      "it says cluster, id, role, store, starts and versions as its status does",
      async (context) => {
        const { hello: found } = await opened(context, voteDoor);
        const { clusterId, id, acceptor } = await context.target("acceptor").status();
        const { store, startCount } = acceptor;
        equal(
          {
            clusterId: found.clusterId,
            id: found.id,
            role: found.role,
            store: found.store,
            startCount: found.startCount,
          },
          { clusterId, id, role: "ROLE_ACCEPTOR", store, startCount },
          "hello",
        );
        equal(found.oldestVersion <= 2 && found.newestVersion >= 2, true, "speaks version 2");
      },
    ),
  ]),
};

const heartbeats: Row = {
  role: "acceptor",
  rpc: "Acceptor.Vote heartbeat",
  cells: {
    accepted: [
      check(
        "rule 11",
        "it is answered with ballot, beat and promise, and changes nothing",
        async (context) => {
          const { stream } = await opened(context, voteDoor);
          await unchanged(context, async () => {
            const ack = await heartbeat(stream, lowest, 42);
            const { id, acceptor } = await context.target("acceptor").status();
            const { store, promised, trimmedBelow } = acceptor;
            const expected = { acceptor: id, store, ballot: lowest, beat: 42, promised, trimmedBelow };
            equal(ack, expected, "HeartbeatAck");
          });
        },
      ),
    ],
    "higher ballot": [
      writing("rule 11", "a ballot above the promise is not promised by a heartbeat", async (context) => {
        const ballot = await led(context);
        const { stream } = await opened(context, voteDoor);
        await unchanged(context, async () => {
          const ack = await heartbeat(stream, { ...ballot, round: ballot.round + 1 }, 1);
          promises(ack, ballot);
        });
      }),
    ],
    repeated: [
      check("rule 11", "every one is answered, the same beat too", async (context) => {
        const { stream } = await opened(context, voteDoor);
        const first = await heartbeat(stream, lowest, 5);
        equal(await heartbeat(stream, lowest, 5), first, "the second answer");
      }),
    ],
    reordered: [
      check("rule 11", "beats are echoed in whatever order they come", async (context) => {
        const { stream } = await opened(context, voteDoor);
        for (const beat of [3, 1, 2]) equal((await heartbeat(stream, lowest, beat)).beat, beat, "beat");
      }),
    ],
    malformed: invalidOnStream(
      voteDoor,
      Object.fromEntries(
        Object.entries(badBallots).map(([what, ballot]) => [what, { heartbeat: { ballot, beat: 1 } }]),
      ),
    ),
    oversized: oversizedOnStream(voteDoor),
    "wrong cluster": [wrongClusterCheck(voteDoor, { heartbeat: { ballot: lowest, beat: 1 } })],
  },
};

const preVotes: Row = {
  role: "acceptor",
  rpc: "Acceptor.Vote pre-vote",
  cells: {
    accepted: [
      check("rule 11", "it is answered with the promise, and changes nothing", async (context) => {
        const { stream } = await opened(context, voteDoor);
        await unchanged(context, async () => {
          const answer = await preVote(stream, lowest, 9);
          await signed(context, answer, lowest);
          equal(answer.configuration, 9, "configuration, echoed");
          equal(answer.promised, (await benchOf(context).state()).promised, "promised");
        });
      }),
      writing(
        "rule 11",
        "it says whether the promised leader is heard, but does not count the one who asks",
        async (context) => {
          const ballot = await led(context);
          const { stream } = await opened(context, voteDoor, { id: ballot.leader });
          await heartbeat(stream, ballot, 1);
          const other = await opened(context, voteDoor);
          const stranger = { round: ballot.round + 1, leader: context.name(), incarnation: 1 };
          equal((await preVote(other.stream, stranger)).hears, true, "hears, asked by another leader");
          const itself = { ...ballot, round: ballot.round + 1 };
          equal((await preVote(other.stream, itself)).hears, false, "hears, asked by the leader itself");
        },
      ),
    ],
    "higher ballot": [
      check("rule 11", "a ballot above the promise is not promised by asking", async (context) => {
        const { stream } = await opened(context, voteDoor);
        await unchanged(context, async () => {
          const { promised } = await benchOf(context).state();
          const ballot = { round: (promised?.round ?? 0) + 1_000, leader: "contract", incarnation: 1 };
          equal((await preVote(stream, ballot)).promised, promised, "promised");
        });
      }),
    ],
    repeated: [
      check("rule 11", "asked again, it answers the same", async (context) => {
        const { stream } = await opened(context, voteDoor);
        equal(await preVote(stream, lowest), await preVote(stream, lowest), "the second answer");
      }),
    ],
    reordered: [
      check(
        "rule 11",
        "a lower ballot after a higher one is answered as if the higher had never been asked",
        async (context) => {
          const { stream } = await opened(context, voteDoor);
          const { promised } = await benchOf(context).state();
          const round = (promised?.round ?? 0) + 10;
          for (const ballot of [round, round - 1, 0].map((one) => ({
            round: one,
            leader: "contract",
            incarnation: 1,
          }))) {
            const answer = await preVote(stream, ballot);
            equal([answer.asked, answer.promised], [ballot, promised], "asked and promised");
          }
        },
      ),
    ],
    malformed: invalidOnStream(
      voteDoor,
      Object.fromEntries(
        Object.entries(badBallots).map(([what, ballot]) => [what, { preVote: { ballot, configuration: 1 } }]),
      ),
    ),
    oversized: oversizedOnStream(voteDoor),
    "wrong cluster": [wrongClusterCheck(voteDoor, { preVote: { ballot: lowest, configuration: 1 } })],
  },
};

export const acceptorRows: readonly Row[] = [
  hello,
  { role: "acceptor", rpc: "Acceptor.Vote P1a", cells: p1aCells(streamPort("Acceptor.Vote")) },
  { role: "acceptor", rpc: "Acceptor.Vote P2a", cells: p2aCells(streamPort("Acceptor.Vote")) },
  heartbeats,
  preVotes,
  { role: "acceptor", rpc: "Acceptor.Vote trim", cells: trimCells },
  { role: "acceptor", rpc: "Acceptor.Prepare", cells: p1aCells(unaryPort("Acceptor.Prepare")) },
  { role: "acceptor", rpc: "Acceptor.Accept", cells: p2aCells(unaryPort("Acceptor.Accept")) },
];

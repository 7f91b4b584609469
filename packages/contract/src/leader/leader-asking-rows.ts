import {
  attachDoor,
  invalidOnStream,
  opened,
  oversizedOnStream,
  wrongClusterCheck,
} from "../every-role/streams.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import type { Stream } from "../suite/target.js";
import { aValue, compareBallots } from "../suite/values.js";
import {
  acceptedByMajority,
  attached,
  isLeaderStatus,
  isPong,
  leaderState,
  newBallot,
  proposed,
  submit,
} from "./leader-bench.js";
import {
  acceptorsForget,
  afterForgetting,
  answers,
  belowTrimPoint,
  equalAnswer,
  isAnswerTo,
} from "./leader-trim-checks.js";

/** Times that free slots are asked for: others who use the cluster may be faster each time. */
const mostTries = 10;

/** Three slots asked for when the last was free, which somebody may have proposed for since, or which may have been trimmed. */
async function answersAboutFree(context: Context): Promise<Message[]> {
  const stream = await attached(context);
  for (let tries = 1; ; tries++) {
    const { slotOut } = await leaderState(context);
    const found = await answers(stream, slotOut, slotOut + 2);
    const last = found.at(-1);
    if (tries === mostTries || (!last?.trim && last?.value?.kind === "noOperation")) return found;
  }
}

const questions: Row = {
  role: "leader",
  rpc: "Leader.Attach question",
  cells: {
    accepted: [
      writing("rule 9", "a decided slot is answered with its Decision", async (context) => {
        const decision = await submit(context, aValue(context));
        const [found] = await answers(await attached(context), decision.slot, decision.slot);
        equalAnswer(found, decision);
      }),
      belowTrimPoint,
      afterForgetting,
      check(
        "rule 9",
        "slot 1, when it is decided, is answered with its Decision, or with the record that it is trimmed",
        async (context) => {
          if ((await leaderState(context)).slotOut <= 1) return;
          await answers(await attached(context), 1, 1);
        },
      ),
      writing(
        "rule 15",
        "undecided slots are decided: no-ops in all that are free up to the one asked for",
        async (context) => {
          const found = await answersAboutFree(context);
          equal(found.at(-1)?.value?.kind, "noOperation", "what a slot gets that nobody proposed for");
          for (const decision of found) await acceptedByMajority(context, decision);
        },
      ),
    ],
    "higher ballot": [
      writing(
        "rules 7, 9",
        "what was decided under the last ballot is answered under the next",
        async (context) => {
          const { decision } = await newBallot(context);
          const [found] = await answers(await attached(context), decision.slot, decision.slot);
          equalAnswer(found, decision);
        },
      ),
    ],
    repeated: [
      writing("rule 9", "asked again, it answers the same", async (context) => {
        const { slot } = await submit(context, aValue(context));
        const stream = await attached(context);
        equal(await answers(stream, slot, slot), await answers(stream, slot, slot), "the second answer");
      }),
    ],
    reordered: [
      writing(
        "rule 15",
        "a later slot asked for before an earlier one: each has its own Decision",
        async (context) => {
          const [one, two] = [await submit(context, aValue(context)), await submit(context, aValue(context))];
          const stream = await attached(context);
          for (const decision of [two, one]) {
            const [found] = await answers(stream, decision.slot, decision.slot);
            equalAnswer(found, decision);
          }
        },
      ),
    ],
    malformed: invalidOnStream(attachDoor, {
      "from = 0": { question: { from: 0, through: 1 } },
      "through below from": { question: { from: 5, through: 4 } },
      "a slot of 2^53": { question: { from: "9007199254740992", through: "9007199254740992" } },
    }),
    oversized: [
      ...oversizedOnStream(attachDoor),
      writing(
        "rule 15",
        "a question for 2^52 slots is answered within bounds, and the stream goes on",
        async (context) => {
          const { slot } = await submit(context, aValue(context));
          const stream = await attached(context);
          stream.send({ question: { from: slot, through: 2 ** 52 } });
          await stream.next("the first answer", isAnswerTo(slot));
          const value = aValue(context);
          await proposed(stream, value);
        },
      ),
    ],
    "wrong cluster": [wrongClusterCheck(attachDoor, { question: { from: 1, through: 1 } })],
  },
};

/** The next one; what came before it may be older than what the check has sent. */
async function nextStatus(stream: Stream): Promise<Message> {
  stream.take(isLeaderStatus);
  return (await stream.next("a LeaderStatus", isLeaderStatus)).leaderStatus;
}

const statusOf = (slotOut: number, trimmedBelow = 0) => ({
  replicaStatus: { slotOut, configurations: [], trimmedBelow },
});

const replicaStatuses: Row = {
  role: "leader",
  rpc: "Leader.Attach status",
  cells: {
    accepted: [
      check(
        "rules 11, 15",
        "LeaderStatus comes without being asked, and its slot_out never falls",
        async (context) => {
          const stream = await attached(context);
          let last = 0;
          for (let count = 0; count < 3; count++) {
            stream.send(statusOf(1));
            const { slotOut, active, ballot } = await nextStatus(stream);
            holds(
              slotOut >= Math.max(1, last),
              "LeaderStatus.slot_out",
              `at least ${Math.max(1, last)}`,
              slotOut,
            );
            holds(
              !active || ballot !== null,
              "LeaderStatus.ballot of an active leader",
              "its ballot",
              ballot,
            );
            last = slotOut;
          }
        },
      ),
      acceptorsForget,
    ],
    "higher ballot": [
      writing("rule 11", "LeaderStatus shows the next ballot, above the one before", async (context) => {
        const { before } = await newBallot(context);
        const { ballot } = await nextStatus(await attached(context));
        holds(compareBallots(ballot, before) > 0, "LeaderStatus.ballot", "one above the last", ballot);
      }),
    ],
    repeated: [
      check("paxos.proto", "the same status twice is taken, and the stream goes on", async (context) => {
        const stream = await attached(context);
        stream.send(statusOf(1));
        stream.send(statusOf(1));
        await nextStatus(stream);
      }),
    ],
    reordered: [
      writing("rule 7", "a status that says less than an earlier one takes nothing back", async (context) => {
        const { slot } = await submit(context, aValue(context));
        const stream = await attached(context);
        stream.send(statusOf(slot));
        stream.send(statusOf(1));
        const { slotOut } = await nextStatus(stream);
        holds(slotOut >= slot, "LeaderStatus.slot_out", `at least ${slot}`, slotOut);
      }),
    ],
    malformed: invalidOnStream(attachDoor, {
      "slot_out = 0": statusOf(0),
      "trimmed_below = 2^53": {
        replicaStatus: { slotOut: 1, configurations: [], trimmedBelow: "9007199254740992" },
      },
      "a configuration without acceptors": {
        replicaStatus: { slotOut: 1, configurations: [{ from: 1, configuration: { number: 1 } }] },
      },
    }),
    oversized: oversizedOnStream(attachDoor),
    "wrong cluster": [wrongClusterCheck(attachDoor, statusOf(1))],
  },
};

async function ping(stream: Stream, number: number): Promise<Message> {
  stream.send({ ping: { number } });
  const what = `the Pong of ping ${number}`;
  return (await stream.next(what, (message) => isPong(message) && message.pong.number === number)).pong;
}

const fellow = async (context: Context) =>
  (await opened(context, attachDoor, { role: "ROLE_LEADER" })).stream;

const pings: Row = {
  role: "leader",
  rpc: "Leader.Attach ping",
  cells: {
    accepted: [
      check(
        "rule 11",
        "it is answered with the number, and whether the leader leads, and what",
        async (context) => {
          const pong = await ping(await fellow(context), 7);
          holds(
            !pong.leading || pong.ballot !== null,
            "Pong.ballot of one that leads",
            "its ballot",
            pong.ballot,
          );
          holds(pong.slotOut >= 1, "Pong.slot_out", "a slot", pong.slotOut);
        },
      ),
    ],
    "higher ballot": [
      writing("rule 11", "one that leads again says so with a higher ballot", async (context) => {
        const { before } = await newBallot(context);
        const { leading, ballot } = await ping(await fellow(context), 1);
        if (leading) holds(compareBallots(ballot, before) > 0, "Pong.ballot", "one above the last", ballot);
      }),
    ],
    repeated: [
      check("rule 11", "every ping is answered, the same number too", async (context) => {
        const stream = await fellow(context);
        await ping(stream, 3);
        await ping(stream, 3);
      }),
    ],
    reordered: [
      check("rule 11", "numbers are echoed in whatever order they come", async (context) => {
        const stream = await fellow(context);
        for (const number of [9, 2, 5]) await ping(stream, number);
      }),
    ],
    malformed: invalidOnStream(attachDoor, { "a number of 2^53": { ping: { number: "9007199254740992" } } }),
    oversized: oversizedOnStream(attachDoor),
    "wrong cluster": [wrongClusterCheck(attachDoor, { ping: { number: 1 } })],
  },
};

/** The rows of a replica's questions and statuses on its stream, and of a fellow leader's pings. */
export const leaderAskingRows: readonly Row[] = [questions, replicaStatuses, pings];

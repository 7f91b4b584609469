import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import {
  attachDoor,
  helloCells,
  invalidOnStream,
  opened,
  oversizedOnStream,
  wrongClusterCheck,
} from "../every-role/streams.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import { malformed, oversized } from "../suite/message.js";
import { endsWith } from "../suite/target.js";
import { aValue, badValues } from "../suite/values.js";
import { leaderAskingRows } from "./leader-asking-rows.js";
import {
  acceptedByMajority,
  attached,
  decisionOf,
  isDecision,
  isLeaderStatus,
  newBallot,
  proposed,
  proposeOf,
  sameId,
  submit,
} from "./leader-bench.js";

const hello: Row = {
  role: "leader",
  rpc: "Leader.Attach hello",
  cells: helloCells(attachDoor, [
    check(
      "hello",
      "it says cluster, id, role and slot_out; the replica is told at once who leads",
      async (context) => {
        const { stream, hello: found } = await opened(context, attachDoor);
        const { clusterId, id } = await context.target("leader").status();
        equal(
          [found.clusterId, found.id, found.role],
          [clusterId, id, "ROLE_LEADER"],
          "cluster, id and role",
        );
        holds(found.slotOut >= 1, "Hello.slot_out", "a slot", found.slotOut);
        await stream.next("a LeaderStatus", isLeaderStatus);
      },
    ),
    check("hello, rule 11", "a fellow leader is served as well", async (context) => {
      await opened(context, attachDoor, { role: "ROLE_LEADER" });
    }),
  ]),
};

const proposals: Row = {
  role: "leader",
  rpc: "Leader.Attach propose",
  cells: {
    accepted: [
      writing(
        "rules 8, 10; PMMC 2.2",
        "it is decided as it was sent, once a majority of the acceptors holds it",
        async (context) => {
          const stream = await attached(context);
          const value = aValue(context);
          await acceptedByMajority(context, await proposed(stream, value));
        },
      ),
      writing("rule 8, PMMC 2.1", "the Decision goes to every attached replica", async (context) => {
        const [one, two] = [await attached(context), await attached(context)];
        const value = aValue(context);
        const decision = await proposed(one, value);
        equal(await decisionOf(two, value), decision, "what the other replica is told");
      }),
    ],
    "higher ballot": [
      writing(
        "rules 9, 10, 11",
        "under the next ballot a repeat has its old slot, and new proposals are decided",
        async (context) => {
          const { sameLeader, value, decision } = await newBallot(context);
          const stream = await attached(context);
          const { slot } = await proposed(stream, value);
          if (sameLeader) equal(slot, decision.slot, "the slot of the repeat");
          await proposed(stream, aValue(context));
        },
      ),
    ],
    repeated: [
      writing(
        "rules 9, 10",
        "a repeat is answered with the Decision, and one id never gets two slots",
        async (context) => {
          const [one, two] = [await attached(context), await attached(context)];
          const value = aValue(context);
          one.send(proposeOf(value));
          one.send(proposeOf(value));
          const { slot } = await proposed(one, value);
          equal((await proposed(two, value)).slot, slot, "the slot of a repeat on another stream");
          equal((await proposed(one, value)).slot, slot, "the slot of a repeat after the decision");
          // Whatever else the repeats led to is decided before this one.
          const last = aValue(context);
          await proposed(one, last);
          const slots = one.take((message) => isDecision(message) && sameId(message.decision.value, value));
          for (const { decision } of slots) equal(decision.slot, slot, "a slot of the same id");
        },
      ),
    ],
    reordered: [
      writing("rule 10", "ids that come out of order have a slot each", async (context) => {
        const stream = await attached(context);
        const values = [aValue(context), aValue(context), aValue(context)];
        for (const value of values.toReversed()) stream.send(proposeOf(value));
        const slots: number[] = [];
        for (const value of values) slots.push((await proposed(stream, value)).slot);
        equal(new Set(slots).size, values.length, "distinct slots");
      }),
    ],
    malformed: invalidOnStream(attachDoor, {
      ...Object.fromEntries(
        Object.entries(badValues).map(([what, value]) => [what, { propose: { slot: 1, value } }]),
      ),
      "slot 0": { propose: { slot: 0, value: { noOperation: {} } } },
      "a replica's name with a blank": {
        propose: {
          slot: 1,
          value: { proposal: { replica: "no name", incarnation: 1, number: 1 }, noOperation: {} },
        },
      },
    }),
    oversized: oversizedOnStream(attachDoor),
    "wrong cluster": [wrongClusterCheck(attachDoor, proposeOf({ noOperation: {} }))],
  },
};

const submissions: Row = {
  role: "leader",
  rpc: "Leader.Submit",
  cells: {
    accepted: [
      writing(
        "rules 8, 10; PMMC 2.2",
        "it ends with the Decision, once a majority of the acceptors holds the value",
        async (context) => {
          await acceptedByMajority(context, await submit(context, aValue(context)));
        },
      ),
      writing("rule 8", "an attached replica is told of it as well", async (context) => {
        const stream = await attached(context);
        const value = aValue(context);
        const { slot } = await submit(context, value);
        equal((await decisionOf(stream, value)).slot, slot, "the slot that the replica is told");
      }),
    ],
    "higher ballot": [
      writing(
        "rules 9, 10",
        "under the next ballot a repeat has its old slot, and a new one a slot above",
        async (context) => {
          const { sameLeader, value, decision } = await newBallot(context);
          const repeat = await submit(context, value);
          if (sameLeader) equal(repeat.slot, decision.slot, "the slot of the repeat");
          const { slot } = await submit(context, aValue(context));
          holds(slot > decision.slot, "the slot of a new proposal", `one above ${decision.slot}`, slot);
        },
      ),
    ],
    repeated: [
      writing("rules 9, 10", "the same id has the same slot, and another id another one", async (context) => {
        const value = aValue(context);
        const { slot } = await submit(context, value);
        equal((await submit(context, value)).slot, slot, "the slot of the repeat");
        const other = await submit(context, aValue(context));
        holds(other.slot !== slot, "the slot of another id", `another than ${slot}`, other.slot);
      }),
    ],
    reordered: [
      writing("rule 9", "a repeat that comes after later proposals has its old slot", async (context) => {
        const values = [aValue(context), aValue(context), aValue(context)];
        const slots: number[] = [];
        for (const value of values) slots.push((await submit(context, value)).slot);
        for (const [index, value] of values.entries())
          equal((await submit(context, value)).slot, slots[index], "the slot of the repeat");
      }),
    ],
    malformed: [
      ...Object.entries({ ...badValues, "a value without proposal id": { noOperation: {} } }).map(
        ([what, value]) =>
          check("paxos.proto", `${what}: INVALID_ARGUMENT`, async (context) => {
            const ending = await context.target("leader").ask("synod.v1.Leader/Submit", { slot: 1, value });
            endsWith(ending, ["INVALID_ARGUMENT"], [], what);
          }),
      ),
      check("paxos.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
        const ending = await context.target("leader").ask("synod.v1.Leader/Submit", malformed);
        endsWith(ending, ["INVALID_ARGUMENT"], [], "no message");
      }),
    ],
    oversized: [
      check("gRPC", "5 MiB: RESOURCE_EXHAUSTED, and the next call is served", async (context) => {
        const ending = await context.target("leader").ask("synod.v1.Leader/Submit", oversized);
        endsWith(ending, ["RESOURCE_EXHAUSTED"], [], "5 MiB");
        await context.target("leader").status();
      }),
      writing("gRPC", "a batch of 1 MiB is decided whole", async (context) => {
        const value = aValue(context);
        const commands = [1, 2].map(() => aValue(context, 500 << 10).batch.commands[0]);
        await submit(context, { ...value, batch: { commands } });
      }),
    ],
    "wrong cluster": refusesAnotherCluster("leader", "synod.v1.Leader/Submit"),
  },
};

export const leaderRows: readonly Row[] = [hello, proposals, ...leaderAskingRows, submissions];

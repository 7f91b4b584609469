import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { changeBallot } from "../leader/leader-bench.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Check, check, type Row, writing } from "../suite/matrix.js";
import { type Message, malformed, oversized } from "../suite/message.js";
import { endsWith, type Target } from "../suite/target.js";
import {
  aKey,
  bytes,
  codes,
  commandOf,
  executeOne,
  openSession,
  replicasOf,
  resultOf,
  storedValue,
  unaryWay,
  type Way,
} from "./replica-bench.js";

/** Requires a command to be refused with one of these statuses, and to have had no effect. */
async function refused(
  context: Context,
  way: Way,
  command: Message,
  expected: readonly (keyof typeof codes)[],
  what: string,
): Promise<void> {
  const { status, message, outcome } = await executeOne(context, way, command);
  const name = codes[status] as keyof typeof codes;
  holds(expected.includes(name), what, expected.join(" or "), `${name}: ${message}`);
  holds(message !== "", `${what}: the reason`, "words", message);
  equal(outcome, "OUTCOME_NOT_EXECUTED", `${what}: the outcome`);
}

const repeats = (way: Way): Check[] => [
  writing("rule 16", "a repeated command is executed once, and has its first answer", async (context) => {
    const clientId = await openSession(context);
    const key = aKey(context);
    const append = commandOf(clientId, 1, "Append", { key, value: Buffer.from("once") });
    const first = await executeOne(context, way, append);
    equal(resultOf("Append", first).length, 4, "the length after one Append");
    for (let count = 0; count < 2; count++)
      equal(await executeOne(context, way, append), first, "the answer to the repeat");
    equal(String(await storedValue(context, key)), "once", "the value");
  }),
  writing("rule 16", "repeats sent at once are executed once", async (context) => {
    const clientId = await openSession(context);
    const key = aKey(context);
    const append = commandOf(clientId, 1, "Append", { key, value: Buffer.from("once") });
    const answers = await way.execute(context.target("replica"), [append, append, append]);
    for (const answer of answers) equal(answer, answers[0], "the answers");
    equal(String(await storedValue(context, key)), "once", "the value");
  }),
  writing("rule 16", "a repeat at every other replica has the same answer", async (context) => {
    const clientId = await openSession(context);
    const key = aKey(context);
    const append = commandOf(clientId, 1, "Append", { key, value: Buffer.from("once") });
    const answers: Message[] = [];
    for (const replica of await replicasOf(context)) answers.push(...(await way.execute(replica, [append])));
    for (const answer of answers) equal(answer, answers[0], "the answer at another replica");
    equal(String(await storedValue(context, key)), "once", "the value");
  }),
  writing(
    "rule 16",
    "the same sequence with another request is refused, and has no effect",
    async (context) => {
      const clientId = await openSession(context);
      const key = aKey(context);
      await executeOne(context, way, commandOf(clientId, 1, "Append", { key, value: Buffer.from("one") }));
      const other = commandOf(clientId, 1, "Append", { key, value: Buffer.from("two") });
      await refused(context, way, other, ["INVALID_ARGUMENT"], "other bytes");
      equal(String(await storedValue(context, key)), "one", "the value");
    },
  ),
];

const reorders = (way: Way): Check[] => [
  writing("rule 16", "sequences may come in any order: each is executed once", async (context) => {
    const clientId = await openSession(context);
    const keys = [aKey(context), aKey(context), aKey(context)];
    for (const sequence of [3, 1, 2]) {
      const request = { key: keys[sequence - 1], value: Buffer.from(`${sequence}`) };
      resultOf("Append", await executeOne(context, way, commandOf(clientId, sequence, "Append", request)));
    }
    for (const [index, key] of keys.entries())
      equal(String(await storedValue(context, key)), `${index + 1}`, "a value");
  }),
  writing("rule 16", "at or below the acknowledged mark a sequence is refused for ever", async (context) => {
    const clientId = await openSession(context);
    const key = aKey(context);
    const late = commandOf(clientId, 1, "Append", { key, value: Buffer.from("late") });
    await executeOne(context, way, commandOf(clientId, 2, "Get", { key }, 1));
    await refused(context, way, late, ["FAILED_PRECONDITION"], "a sequence at the mark");
    equal(await storedValue(context, key), undefined, "the value");
  }),
  writing(
    "rule 16",
    "beyond the session's window a sequence is refused: at most 1,024 above the mark",
    async (context) => {
      const clientId = await openSession(context);
      const key = aKey(context);
      const append = (sequence: number, acknowledged = 0) =>
        commandOf(clientId, sequence, "Append", { key, value: Buffer.from("x") }, acknowledged);
      resultOf("Append", await executeOne(context, way, append(1024)));
      await refused(context, way, append(1025), ["RESOURCE_EXHAUSTED"], "a sequence beyond the window");
      equal(String(await storedValue(context, key)), "x", "the value");
      resultOf("Append", await executeOne(context, way, append(1025, 1)));
    },
  ),
  writing(
    "rule 16",
    "an unknown session is told apart: ABORTED, and nothing is executed",
    async (context) => {
      const key = aKey(context);
      const append = commandOf("contract-never-opened", 1, "Append", { key, value: Buffer.from("x") });
      await refused(context, way, append, ["ABORTED"], "an unknown session");
      equal(await storedValue(context, key), undefined, "the value");
    },
  ),
];

/** Names end with digits of the cluster's id: the same place in another cluster's log is somebody else's session. */
function sessionsOfAnotherCluster(way: Way): Check[] {
  return [
    writing(
      "rule 28",
      "another cluster's session: FAILED_PRECONDITION, never executed, nor answered with what is stored",
      async (context) => {
        const clientId = await openSession(context);
        const key = aKey(context);
        const append = commandOf(clientId, 1, "Append", { key, value: Buffer.from("x") });
        await executeOne(context, way, append);
        const foreign = { ...append, clientId: clientId.replace(/[^.]*$/, "000000000000") };
        await refused(context, way, foreign, ["FAILED_PRECONDITION"], "another cluster's session");
        equal(String(await storedValue(context, key)), "x", "the value");
      },
    ),
  ];
}

/** On a stream a request that is no valid command has an answer of its own, and the stream goes on. */
async function refusedAlone(target: Target, request: Message, what: string): Promise<void> {
  const stream = target.open("synod.v1.Replica/ExecuteStream");
  const beside = { ...commandOf("contract", 7, "Get", { key: "contract" }), service: "no.such.Service" };
  stream.send({ requests: [request, { command: beside }] });
  const answers: Message[] = [];
  while (answers.length < 2) {
    const { responses } = await stream.next("responses", () => true);
    answers.push(...responses);
  }
  stream.close();
  const [other, own] = answers.sort((a, b) => Number(b.sequence === 7) - Number(a.sequence === 7));
  equal([codes[own?.status], own?.outcome], ["INVALID_ARGUMENT", "OUTCOME_NOT_EXECUTED"], what);
  equal(codes[other?.status], "UNIMPLEMENTED", "the status of the request beside it");
}

function malformedCommands(way: Way): Check[] {
  const bad: Readonly<Record<string, (command: Message) => Message | null>> = {
    "no command": () => null,
    "a session's name with a blank": (command) => ({ ...command, clientId: "no name" }),
    "a sequence of 2^53": (command) => ({ ...command, sequence: "9007199254740992" }),
    "a service's name with a blank": (command) => ({ ...command, service: "no service" }),
    "no method": (command) => ({ ...command, method: "" }),
  };
  const command = commandOf("contract", 1, "Get", { key: "contract" });
  return [
    ...Object.entries(bad).map(([what, spoil]) =>
      check("paxos.proto", `${what}: INVALID_ARGUMENT, and nothing is proposed`, async (context) => {
        const target = context.target("replica");
        const request = { command: spoil(command) };
        if (way === unaryWay) {
          endsWith(await target.ask("synod.v1.Replica/Execute", request), ["INVALID_ARGUMENT"], [], what);
          return;
        }
        await refusedAlone(target, request, what);
      }),
    ),
    writing(
      "replica.proto",
      "a service or method that is not there, a request that is no message: refused in the Response",
      async (context) => {
        const clientId = await openSession(context);
        const get = commandOf(clientId, 1, "Get", { key: "contract" });
        const unknown = ["UNIMPLEMENTED", "NOT_FOUND"] as const;
        await refused(context, way, { ...get, service: "no.such.Service" }, unknown, "no such service");
        await refused(context, way, { ...get, method: "NoSuchMethod" }, unknown, "no such method");
        await refused(context, way, { ...get, request: malformed }, ["INVALID_ARGUMENT"], "no message");
      },
    ),
    check("replica.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
      const target = context.target("replica");
      if (way === unaryWay) {
        endsWith(
          await target.ask("synod.v1.Replica/Execute", malformed),
          ["INVALID_ARGUMENT"],
          [],
          "no message",
        );
        return;
      }
      const stream = target.open("synod.v1.Replica/ExecuteStream");
      stream.send(malformed);
      endsWith(await stream.ending(), ["INVALID_ARGUMENT"], [], "no message");
    }),
  ];
}

function oversizedCommands(way: Way): Check[] {
  return [
    check("gRPC", "5 MiB: RESOURCE_EXHAUSTED, and the next call is served", async (context) => {
      const target = context.target("replica");
      if (way === unaryWay) {
        endsWith(
          await target.ask("synod.v1.Replica/Execute", oversized),
          ["RESOURCE_EXHAUSTED"],
          [],
          "5 MiB",
        );
      } else {
        const stream = target.open("synod.v1.Replica/ExecuteStream");
        stream.send(oversized);
        endsWith(await stream.ending(), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
      }
      await target.status();
    }),
    writing(
      "kv.proto",
      "a value of 512 KiB is stored, one byte more is INVALID_ARGUMENT",
      async (context) => {
        const clientId = await openSession(context);
        const key = aKey(context);
        const put = (sequence: number, size: number) =>
          commandOf(clientId, sequence, "Put", { key, value: Buffer.alloc(size, sequence) });
        resultOf("Put", await executeOne(context, way, put(1, 512 << 10)));
        await refused(context, way, put(2, (512 << 10) + 1), ["INVALID_ARGUMENT"], "512 KiB and a byte");
        equal((await storedValue(context, key))?.length, 512 << 10, "bytes of the value");
      },
    ),
  ];
}

/** The row of commands that come in one way or the other. */
export function commands(way: Way): Row {
  return {
    role: "replica",
    rpc: way.rpc,
    cells: {
      accepted: [
        writing(
          "PMMC 2.1",
          "it is decided, executed and answered with the slot that decided it",
          async (context) => {
            const clientId = await openSession(context);
            const [key, value] = [aKey(context), bytes()];
            const response = await executeOne(context, way, commandOf(clientId, 1, "Put", { key, value }));
            resultOf("Put", response);
            holds(response.slot > 0, "Response.slot", "a slot", response.slot);
            const get = await executeOne(context, way, commandOf(clientId, 2, "Get", { key }));
            equal(resultOf("Get", get).value, value, "the value read back");
            holds(
              get.slot > response.slot,
              "the slot of the later command",
              `above ${response.slot}`,
              get.slot,
            );
          },
        ),
        writing("rules 12, 13", "many at once are all executed, each once", async (context) => {
          const clientId = await openSession(context);
          const key = aKey(context);
          const value = Buffer.from("x");
          const many = Array.from({ length: 200 }, (_, index) =>
            commandOf(clientId, index + 1, "Append", { key, value }),
          );
          const answers = await way.execute(context.target("replica"), many);
          const lengths = answers.map((answer) => resultOf("Append", answer).length);
          equal(new Set(lengths).size, many.length, "distinct lengths");
          equal((await storedValue(context, key))?.length, many.length, "the length in the end");
        }),
      ],
      "higher ballot": [
        {
          ...writing(
            "rules 14, 16",
            "after another ballot was elected a repeat has its first answer, and new commands are executed",
            async (context) => {
              const clientId = await openSession(context);
              const key = aKey(context);
              const append = commandOf(clientId, 1, "Append", { key, value: Buffer.from("once") });
              const first = await executeOne(context, way, append);
              await changeBallot(context);
              equal(await executeOne(context, way, append), first, "the answer to the repeat");
              const next = commandOf(clientId, 2, "Append", { key, value: Buffer.from("!") });
              equal(resultOf("Append", await executeOne(context, way, next)).length, 5, "the length");
            },
          ),
          needs: ["leader"],
        },
      ],
      repeated: repeats(way),
      reordered: reorders(way),
      malformed: malformedCommands(way),
      oversized: oversizedCommands(way),
      "wrong cluster": [
        ...refusesAnotherCluster("replica", `synod.v1.${way.rpc.replace(".", "/")}`),
        ...sessionsOfAnotherCluster(way),
      ],
    },
  };
}

import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Cell, type Check, check } from "../suite/matrix.js";
import { type Message, malformed, oversized } from "../suite/message.js";
import type { RoleName } from "../suite/roles.js";
import { type Ending, endsWith, type Stream } from "../suite/target.js";
import { wrongCluster } from "./cluster-cells.js";

/** One of the two streams between members, and who opens it. */
export interface Door {
  readonly rpc: string;
  readonly role: RoleName;
  readonly opener: "ROLE_LEADER" | "ROLE_REPLICA";
  /** A role that must not open it. */
  readonly stranger: "ROLE_CLIENT" | "ROLE_ACCEPTOR" | "ROLE_REPLICA";
  /** Any message besides the hello. */
  readonly message: Message;
}

export const voteDoor: Door = {
  rpc: "synod.v1.Acceptor/Vote",
  role: "acceptor",
  opener: "ROLE_LEADER",
  stranger: "ROLE_REPLICA",
  message: { heartbeat: { ballot: { round: 0, leader: "contract", incarnation: 0 }, beat: 1 } },
};

export const attachDoor: Door = {
  rpc: "synod.v1.Leader/Attach",
  role: "leader",
  opener: "ROLE_REPLICA",
  stranger: "ROLE_ACCEPTOR",
  message: { ping: { number: 1 } },
};

export async function helloOf(context: Context, door: Door, changes: Message = {}): Promise<Message> {
  const { clusterId } = await context.target(door.role).status();
  const slotOut = door.opener === "ROLE_REPLICA" ? 1 : 0;
  return {
    clusterId,
    id: context.name(),
    role: door.opener,
    oldestVersion: 2,
    newestVersion: 2,
    slotOut,
    ...changes,
  };
}

export const isHello = ({ message }: Message) => message === "hello";

/** A stream on which both sides have said hello. */
export async function opened(
  context: Context,
  door: Door,
  changes: Message = {},
): Promise<{ stream: Stream; hello: Message }> {
  const stream = context.target(door.role).open(door.rpc);
  stream.send({ hello: await helloOf(context, door, changes) });
  const { hello } = await stream.next("a hello in return", isHello);
  return { stream, hello };
}

/** The end of a stream on which these were sent after the hellos. */
export async function endingOf(
  context: Context,
  door: Door,
  messages: readonly (Message | Buffer)[],
): Promise<Ending> {
  const { stream } = await opened(context, door);
  for (const message of messages) stream.send(message);
  return stream.ending();
}

/** A stream whose hello names another cluster ends, saying both, and what was sent behind it is not answered. */
export function wrongClusterCheck(door: Door, message: Message): Check {
  return check(
    "hello",
    "after the hello of another cluster nothing is answered: FAILED_PRECONDITION, both ids named",
    async (context) => {
      const stream = context.target(door.role).open(door.rpc);
      const { clusterId } = await context.target(door.role).status();
      stream.send({ hello: await helloOf(context, door, { clusterId: wrongCluster }) });
      stream.send(message);
      endsWith(await stream.ending(), ["FAILED_PRECONDITION"], [wrongCluster, clusterId], "the stream");
      equal(
        stream.take(() => true),
        [],
        "messages on a refused stream",
      );
    },
  );
}

/** Messages that are not valid end a stream with INVALID_ARGUMENT, and the service serves on. */
export function invalidOnStream(door: Door, invalid: Readonly<Record<string, Message | Buffer>>): Check[] {
  return Object.entries({ ...invalid, "bytes that are no message": malformed }).map(([what, message]) =>
    check(
      "paxos.proto",
      `${what}: the stream ends with INVALID_ARGUMENT, and the next one is served`,
      async (context) => {
        endsWith(await endingOf(context, door, [message]), ["INVALID_ARGUMENT"], [], what);
        await opened(context, door);
      },
    ),
  );
}

export function oversizedOnStream(door: Door): Check[] {
  return [
    check(
      "gRPC",
      "a message of 5 MiB: the stream ends with RESOURCE_EXHAUSTED, and the next one is served",
      async (context) => {
        endsWith(await endingOf(context, door, [oversized]), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
        await opened(context, door);
      },
    ),
  ];
}

/** The checks that every hello must pass, whichever role answers. */
export function helloCells(
  door: Door,
  accepted: readonly Check[],
): Record<
  "accepted" | "higher ballot" | "repeated" | "reordered" | "malformed" | "oversized" | "wrong cluster",
  Cell
> {
  return {
    accepted,
    "higher ballot": "a hello carries no ballot",
    repeated: [
      check("hello", "a second hello on one stream is refused with FAILED_PRECONDITION", async (context) => {
        const again = { hello: await helloOf(context, door) };
        endsWith(await endingOf(context, door, [again]), ["FAILED_PRECONDITION"], [], "a second hello");
      }),
      check("hello", "a new stream of the same member is served, and says the same", async (context) => {
        const id = context.name();
        const first = await opened(context, door, { id });
        const second = await opened(context, door, { id });
        equal(
          { ...second.hello, slotOut: 0 },
          { ...first.hello, slotOut: 0 },
          "the hello of a second stream (but for slot_out)",
        );
      }),
    ],
    reordered: [
      check("hello", "a message before the hello is refused with FAILED_PRECONDITION", async (context) => {
        const stream = context.target(door.role).open(door.rpc);
        stream.send(door.message);
        endsWith(await stream.ending(), ["FAILED_PRECONDITION"], [], "no hello first");
      }),
    ],
    malformed: [
      check(
        "hello",
        "no common version is refused with FAILED_PRECONDITION and both ranges",
        async (context) => {
          const stream = context.target(door.role).open(door.rpc);
          stream.send({ hello: await helloOf(context, door, { oldestVersion: 900, newestVersion: 901 }) });
          endsWith(
            await stream.ending(),
            ["FAILED_PRECONDITION"],
            ["900", "901", "1"],
            "versions 900 to 901",
          );
        },
      ),
      check("hello", `a ${door.stranger} is refused with FAILED_PRECONDITION`, async (context) => {
        const stream = context.target(door.role).open(door.rpc);
        const store = door.stranger === "ROLE_ACCEPTOR" ? { store: "contract", startCount: 1 } : {};
        stream.send({ hello: await helloOf(context, door, { role: door.stranger, ...store }) });
        endsWith(await stream.ending(), ["FAILED_PRECONDITION"], [], door.stranger);
      }),
      ...(["id", "clusterId"] as const).map((field) =>
        check("paxos.proto", `a hello without ${field} is refused with INVALID_ARGUMENT`, async (context) => {
          const stream = context.target(door.role).open(door.rpc);
          stream.send({ hello: await helloOf(context, door, { [field]: "" }) });
          endsWith(await stream.ending(), ["INVALID_ARGUMENT"], [], `no ${field}`);
        }),
      ),
      check(
        "paxos.proto",
        "bytes that are no message instead of a hello: INVALID_ARGUMENT",
        async (context) => {
          const stream = context.target(door.role).open(door.rpc);
          stream.send(malformed);
          endsWith(await stream.ending(), ["INVALID_ARGUMENT"], [], "no message");
        },
      ),
    ],
    oversized: [
      check(
        "gRPC",
        "a hello of 5 MiB: RESOURCE_EXHAUSTED, and the next stream is served",
        async (context) => {
          const stream = context.target(door.role).open(door.rpc);
          stream.send(oversized);
          endsWith(await stream.ending(), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
          await opened(context, door);
        },
      ),
      check("paxos.proto", "a name of 65 characters is refused with INVALID_ARGUMENT", async (context) => {
        const stream = context.target(door.role).open(door.rpc);
        stream.send({ hello: await helloOf(context, door, { id: "x".repeat(65) }) });
        endsWith(await stream.ending(), ["INVALID_ARGUMENT"], [], "65 characters");
      }),
    ],
    "wrong cluster": [
      wrongClusterCheck(door, door.message),
      check("hello", "the refusal comes instead of a hello", async (context) => {
        const stream = context.target(door.role).open(door.rpc);
        stream.send({ hello: await helloOf(context, door, { clusterId: wrongCluster }) });
        const { code } = await stream.ending();
        holds(code !== 0, "the stream", "a refusal", "OK");
      }),
    ],
  };
}

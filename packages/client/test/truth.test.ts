import { setTimeout as pause } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import { type Command, randomBelow, seededRandom } from "@synod/core";
import { afterEach, expect, it } from "vitest";
import { CommandClient } from "../src/client.js";
import type { SynodError } from "../src/error.js";
import { defaultSettings } from "../src/settings.js";
import { answerTo, FakeCluster, FakeReplica } from "./fake-replica.js";

const open: CommandClient[] = [];

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

/** What may become of one attempt, and what is said of it. */
const fates = [
  "executed",
  "executed",
  "executed",
  "executed",
  "executed, and the answer is lost",
  "executed, and the connection breaks",
  "lost, and the connection breaks",
  "refused for now",
  "given up, and executed later",
  "given up, and lost",
  "its session is let go",
] as const;

/** A cluster in which every attempt has a drawn fate; what it executed, by text. */
function world(seed: number, sendToAll: boolean) {
  const random = seededRandom(seed);
  const cluster = new FakeCluster();
  const gone = new Set<string>();
  /** What replicas execute although the attempt was given up. */
  const later: Promise<void>[] = [];
  const replicas = [1, 2, 3].map((number) => new FakeReplica(`r${number}:1`, cluster));
  const execute = (command: Command) =>
    gone.has(command.clientId)
      ? answerTo(command, { status: Code.ABORTED, message: "not open", slot: 9, outcome: "not-executed" })
      : cluster.execute(command);
  for (const replica of replicas)
    replica.behaviour = (command) => {
      const fate = fates[randomBelow(random, fates.length)];
      if (fate === "executed") return execute(command);
      if (fate === "its session is let go") {
        gone.add(command.clientId);
        return execute(command);
      }
      if (fate?.startsWith("executed")) execute(command);
      if (fate?.endsWith("breaks")) setImmediate(() => replica.breakStream("connection reset"));
      if (fate?.endsWith("later"))
        later.push(pause(randomBelow(random, 60)).then(() => void execute(command)));
      if (fate?.startsWith("refused"))
        return answerTo(command, { status: Code.UNAVAILABLE, message: "no leader", outcome: "not-executed" });
      if (fate?.startsWith("given up"))
        return answerTo(command, { status: Code.UNAVAILABLE, message: "no answer", outcome: "unknown" });
      return undefined;
    };
  const client = new CommandClient(replicas, {
    ...defaultSettings,
    ...{ silenceMs: 15, deadlineMs: 200, sendToAll },
  });
  open.push(client);
  return { cluster, client, later };
}

it.each([false, true])(
  "says of every outcome what is so, whatever becomes of its attempts (to all: %s)",
  async (all) => {
    const found = new Map<string, number>();
    const worlds = Array.from({ length: 40 }, async (_, seed) => {
      const { cluster, client, later } = world(seed + 1, all);
      const said = await Promise.all(
        Array.from({ length: 8 }, async (_, number) => {
          const text = `${seed}/${number}`;
          const outcome = await client.execute("test.v1.Echo", "Echo", Buffer.from(text)).then(
            () => "answered",
            (error: unknown) => (error as SynodError).outcome,
          );
          return { text, outcome };
        }),
      );
      // Attempts that were given up have their turn as well.
      for (let seen = 0; seen < later.length; seen++) await later[seen];
      for (const { text, outcome } of said) {
        const times = cluster.executed.filter(
          ({ request }) => Buffer.from(request).toString() === text,
        ).length;
        const expected = { answered: [1], "not executed": [0], unknown: [0, 1] }[outcome];
        expect(expected, `seed ${seed}, ${text}: ${outcome}, executed ${times} times`).toContain(times);
        found.set(outcome, (found.get(outcome) ?? 0) + 1);
      }
    });
    await Promise.all(worlds);
    expect(found.get("answered")).toBeGreaterThan(0);
    expect(found.get("unknown")).toBeGreaterThan(0);
  },
);

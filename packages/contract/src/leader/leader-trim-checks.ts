import {
  aKey,
  bytes,
  commandOf,
  executeOne,
  openSession,
  replicaState,
  unaryWay,
} from "../replica/replica-bench.js";
import type { Context } from "../suite/context.js";
import { fail, holds } from "../suite/expect.js";
import { type Check, restarting, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { pause, type Stream } from "../suite/target.js";
import { aValue, equalValue } from "../suite/values.js";
import { attached, changeBallot, isDecision, submit, until } from "./leader-bench.js";

/** A checkpoint, reports of a majority and the next heartbeats come before slots are trimmed: seconds, not an answer's time. */
const trimMs = 20_000;

/** True of an answer to a question for the slot: its Decision, or the record that it and those below are trimmed. */
export const isAnswerTo =
  (slot: number) =>
  (message: Message): boolean =>
    isDecision(message) ? message.decision.slot === slot : message.trim?.below > slot;

/** The leader's answer about each of these slots; without a value where it is trimmed. */
export function answers(stream: Stream, from: number, through: number): Promise<Message[]> {
  return until(stream, { question: { from, through } }, async () => {
    const found: Message[] = [];
    for (let slot = from; slot <= through; slot++) {
      const { decision, trim } = await stream.next(`the answer about slot ${slot}`, isAnswerTo(slot));
      found.push(decision ?? { slot, value: undefined, trim });
    }
    return found;
  });
}

/** A slot that was trimmed in the meantime has no other answer. */
export function equalAnswer(found: Message | undefined, { slot, value }: Message): void {
  if (!found?.trim) equalValue(found?.value, value, `the value of slot ${slot}`);
}

/** Polls until something holds that takes as long as trimming does. */
async function eventually(what: string, expected: string, look: () => Promise<unknown>): Promise<void> {
  const giveUpAt = performance.now() + trimMs;
  for (;;) {
    const found = await look();
    if (found === undefined) return;
    if (performance.now() > giveUpAt) fail(what, `${expected} within ${trimMs} ms`, found);
    await pause(50);
  }
}

/** A command's slot that a majority of the replicas has on disk, and what was decided there. */
async function trimmedSlot(context: Context): Promise<Message> {
  const clientId = await openSession(context);
  const put = commandOf(clientId, 1, "Put", { key: aKey(context), value: bytes() });
  const { slot } = await executeOne(context, unaryWay, put);
  const { decisions } = await context
    .target("replica")
    .call("synod.v1.Replica/Log", { from: slot, limit: 1 });
  await eventually("Status.trim_point", `at least ${slot}`, async () => {
    const { trimPoint } = await replicaState(context);
    return trimPoint >= slot ? undefined : trimPoint;
  });
  return decisions[0];
}

/** Requires the leader to answer with the same value, or with a record that says no more than the replicas do. */
async function answered(context: Context, decision: Message): Promise<void> {
  const { slot } = decision;
  const [found] = await answers(await attached(context), slot, slot);
  equalAnswer(found, decision);
  if (!found?.trim) return;
  const { trimPoint } = await replicaState(context);
  const { below, configurations } = found.trim;
  holds(below <= trimPoint + 1, "TrimRecord.below", `at most ${trimPoint + 1}`, below);
  const { configuration } = await context.target("leader").status();
  const numbers = configurations.map((one: Message) => one.configuration.number);
  holds(
    numbers.includes(configuration.number),
    "TrimRecord.configurations",
    `those that rule from there on, configuration ${configuration.number} too`,
    numbers,
  );
}

const withReplica = (check: Check): Check => ({ ...check, needs: ["replica"] });

export const belowTrimPoint: Check = withReplica(
  writing(
    "rules 9, 18",
    "a slot below the trim point is answered with its Decision, or with the record of what is trimmed",
    async (context) => answered(context, await trimmedSlot(context)),
  ),
);

export const afterForgetting: Check = withReplica(
  restarting(
    "rules 9, 18",
    "a leader that was started anew answers so as well, though nobody can tell it the value any more",
    async (context) => {
      const decision = await trimmedSlot(context);
      await acceptorsTrimmed(context, decision.slot);
      await context.restart?.("leader");
      await context.target("leader").reconnect();
      // It remembers no proposal of the ballot before.
      context.forget(changeBallot);
      await eventually("a proposal after the restart", "a Decision", async () => {
        const value = { slot: 1, value: aValue(context) };
        const { code, details } = await context.target("leader").ask("synod.v1.Leader/Submit", value);
        return code === 0 ? undefined : details;
      });
      await answered(context, decision);
    },
  ),
);

async function acceptorsTrimmed(context: Context, slot: number): Promise<void> {
  const { configuration } = await context.target("leader").status();
  for (const member of configuration.acceptors) {
    const acceptor = await context.member(member);
    await eventually(`Status.trimmed_below of ${member.id}`, `above ${slot}`, async () => {
      const { trimmedBelow } = (await acceptor.status()).acceptor;
      return trimmedBelow > slot ? undefined : trimmedBelow;
    });
  }
}

export const acceptorsForget: Check = withReplica(
  writing(
    "rule 18",
    "what a majority of the replicas has on disk every acceptor is told, and forgets; slots go on being decided",
    async (context) => {
      const { slot } = await trimmedSlot(context);
      await acceptorsTrimmed(context, slot);
      const decision = await submit(context, aValue(context));
      holds(decision.slot > slot, "the slot of the next proposal", `above ${slot}`, decision.slot);
    },
  ),
);

import { attachDoor, opened } from "../every-role/streams.js";
import type { Context } from "../suite/context.js";
import { fail, holds, NotPossible } from "../suite/expect.js";
import type { Message } from "../suite/message.js";
import { type Answer, cannotReach, pause, type Stream } from "../suite/target.js";
import { aValue, type Ballot, compareBallots, equalValue, lowest, sameValue } from "../suite/values.js";

export const isDecision = ({ message }: Message) => message === "decision";
export const isLeaderStatus = ({ message }: Message) => message === "leaderStatus";
export const isPong = ({ message }: Message) => message === "pong";

/** A stream as a replica opens it. */
export async function attached(context: Context): Promise<Stream> {
  return (await opened(context, attachDoor)).stream;
}

export function proposeOf(value: Message): Message {
  return { propose: { slot: 1, value, forwarded: false } };
}

/** Sends a message at once, and again until something has come of it: a passive leader passes each on once (rules 11, 14). */
export async function until<T>(stream: Stream, message: Message, done: () => Promise<T>): Promise<T> {
  stream.send(message);
  const again = setInterval(() => stream.send(message), 400);
  try {
    return await done();
  } finally {
    clearInterval(again);
  }
}

/** Proposes as a replica does, and waits for the Decision. */
export function proposed(stream: Stream, value: Message): Promise<Message> {
  return until(stream, proposeOf(value), () => decisionOf(stream, value));
}

/** The decision of a value on a stream; how long that takes depends on who leads. */
export async function decisionOf(stream: Stream, value: Message): Promise<Message> {
  const { decision } = await stream.next("the Decision of the proposal", (message) => {
    return isDecision(message) && sameId(message.decision.value, value);
  });
  equalValue(decision.value, value, `the value decided in slot ${decision.slot}`);
  return decision;
}

export function sameId(a: Message | null, b: Message): boolean {
  const [x, y] = [a?.proposal, b.proposal];
  return !!x && !!y && x.replica === y.replica && x.incarnation === y.incarnation && x.number === y.number;
}

export async function submit(context: Context, value: Message): Promise<Message> {
  const decision = await context.target("leader").call("synod.v1.Leader/Submit", { slot: 1, value });
  equalValue(decision.value, value, `the value decided in slot ${decision.slot}`);
  holds(decision.slot >= 1, "Decision.slot", "one from 1 on", decision.slot);
  return decision;
}

export async function leaderState(context: Context): Promise<Message> {
  const { leader } = await context.target("leader").status();
  holds(leader !== null && leader !== undefined, "Status.state", "that of a leader", leader);
  return leader;
}

/** The acceptors of the leader's cluster, as its status names them, asked all at once. */
async function askAcceptors(
  context: Context,
  p1a: Message,
): Promise<{ answers: Answer[]; majority: number }> {
  const { configuration } = await context.target("leader").status();
  const acceptors: { address: string }[] = configuration?.acceptors ?? [];
  holds(acceptors.length > 0, "Status.configuration", "the acceptors", configuration);
  const answers = await Promise.all(
    acceptors.map(({ address }) => context.at(address).ask("synod.v1.Acceptor/Prepare", p1a)),
  );
  return { answers, majority: Math.floor(acceptors.length / 2) + 1 };
}

const tooFew = (answered: number, { answers, majority }: Awaited<ReturnType<typeof askAcceptors>>) =>
  new NotPossible(
    `it needs ${majority} of the ${answers.length} acceptors, and ${answered} answer from here at the addresses that the leader's status gives`,
  );

/** A majority of the acceptors must hold a value that was announced as decided. */
export async function acceptedByMajority(context: Context, { slot, value }: Message): Promise<void> {
  const asked = await askAcceptors(context, { ballot: lowest, configuration: 1, from: slot, scout: 0 });
  const { answers, majority } = asked;
  const pvalues = answers.map(({ message }) => message?.accepted.find((one: Message) => one.slot === slot));
  // One that has forgotten the slot says that it is decided, and so it is.
  const votes = pvalues.filter(
    (pvalue, index) =>
      (pvalue && sameValue(pvalue.value, value)) || answers[index]?.message?.trim?.below > slot,
  ).length;
  const silent = answers.filter(cannotReach).length;
  // Those that do not answer may hold it, or not.
  if (votes < majority && votes + silent >= majority) throw tooFew(answers.length - silent, asked);
  holds(
    votes >= majority,
    `acceptors that hold what was announced in slot ${slot}`,
    `at least ${majority} of ${answers.length}`,
    String(votes),
  );
}

/** A change of ballot: a value decided before it, and the leader's ballots before and after. */
export interface Change {
  /** The leader under test led before and leads now: it knows what it has decided, another one may not (rule 10). */
  readonly sameLeader: boolean;
  readonly value: Message;
  readonly decision: Message;
  readonly before: Ballot | null;
  readonly after: Ballot | null;
}

/** Another ballot, once in a run: for what only has to come after one. */
export async function newBallot(context: Context): Promise<Change> {
  const change = await context.shared(changeBallot);
  const { ballot } = await leaderState(context);
  // Since then another one may have been elected.
  const still = ballot?.leader === change.after?.leader && ballot?.incarnation === change.after?.incarnation;
  return { ...change, sameLeader: change.sameLeader && still };
}

/** An election waits for suspicion and a random delay, which is longer than any answer takes. */
const electionMs = 15_000;

/** Makes the acceptors promise a higher ballot, so that whoever leads has to be elected anew. */
export async function changeBallot(context: Context): Promise<Change> {
  const value = aValue(context);
  const decision = await submit(context, value);
  const { ballot: before } = await leaderState(context);
  const ballot = { round: (before?.round ?? 0) + 1, leader: "contract", incarnation: context.run };
  const asked = await askAcceptors(context, { ballot, configuration: 1, from: decision.slot, scout: 1 });
  const answered = asked.answers.filter((answer) => !cannotReach(answer)).length;
  if (answered < asked.majority) throw tooFew(answered, asked);
  const until = performance.now() + electionMs;
  for (;;) {
    const { ballot: after } = await leaderState(context);
    if (compareBallots(after, ballot) > 0) {
      const { id } = await context.target("leader").status();
      const sameLeader = before?.leader === id && after?.leader === id;
      return { sameLeader, value, decision, before, after };
    }
    if (performance.now() > until)
      fail(
        "the leader's ballot after the acceptors promised a higher one",
        `above round ${ballot.round}`,
        after,
      );
    await pause(20);
  }
}

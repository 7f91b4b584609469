import { isDeepStrictEqual } from "node:util";
import { opened, voteDoor } from "../every-role/streams.js";
import type { Context } from "../suite/context.js";
import { equal, fail, holds, NotPossible, shown } from "../suite/expect.js";
import type { Message } from "../suite/message.js";
import { type Ending, endsWith, pause, type Stream, type Target } from "../suite/target.js";
import { type Ballot, equalValue } from "../suite/values.js";

/** A way of asking an acceptor: by a unary call, or on a leader's stream. */
export interface Port {
  readonly rpc: string;
  readonly stream: boolean;
  prepare(context: Context, p1a: Message): Promise<Message>;
  accept(context: Context, p2a: Message): Promise<Message>;
  /** The end of a request that is not valid. */
  refused(context: Context, request: { p1a: Message } | { p2a: Message } | Buffer): Promise<Ending>;
}

export const unaryPort = (rpc: string): Port => ({
  rpc,
  stream: false,
  prepare: (context, p1a) => context.target("acceptor").call("synod.v1.Acceptor/Prepare", p1a),
  accept: (context, p2a) => context.target("acceptor").call("synod.v1.Acceptor/Accept", p2a),
  refused: (context, request) => {
    const target = context.target("acceptor");
    if (Buffer.isBuffer(request)) return target.ask(`synod.v1.${rpc.replace(".", "/")}`, request);
    return "p1a" in request
      ? target.ask("synod.v1.Acceptor/Prepare", request.p1a)
      : target.ask("synod.v1.Acceptor/Accept", request.p2a);
  },
});

export const streamPort = (rpc: string): Port => ({
  rpc,
  stream: true,
  prepare: async (context, p1a) => {
    const { stream } = await opened(context, voteDoor);
    stream.send({ p1a });
    const { p1b } = await stream.next("a P1b", ({ message }) => message === "p1b");
    stream.close();
    return p1b;
  },
  accept: async (context, p2a) => {
    const { stream } = await opened(context, voteDoor);
    stream.send({ p2a });
    const { p2b } = await stream.next("a P2b", ({ message }) => message === "p2b");
    stream.close();
    return p2b;
  },
  refused: async (context, request) => {
    const { stream } = await opened(context, voteDoor);
    stream.send(request);
    return stream.ending();
  },
});

/** Ballots and slots that nobody has used, each above the one before. */
export class AcceptorBench {
  readonly #target: Target;
  readonly #run: number;
  #round = 0;
  #slot = 0;

  constructor(context: Context) {
    this.#target = context.target("acceptor");
    this.#run = context.run;
  }

  async state(): Promise<Message> {
    const { acceptor } = await this.#target.status();
    holds(acceptor !== null && acceptor !== undefined, "Status.state", "that of an acceptor", acceptor);
    return acceptor;
  }

  /** A ballot above everything promised. */
  async ballot(): Promise<Ballot> {
    const { promised } = await this.state();
    this.#round = Math.max(this.#round, promised?.round ?? 0) + 1;
    return { round: this.#round, leader: "contract", incarnation: this.#run };
  }

  /** The first of so many slots in a row in which nothing was accepted. */
  async slots(count: number): Promise<number> {
    const { highestSlot, trimmedBelow } = await this.state();
    const first = Math.max(this.#slot, highestSlot, trimmedBelow - 1) + 1;
    this.#slot = first + count - 1;
    return first;
  }
}

export const benchOf = (context: Context) => context.shared(makeBench);
const makeBench = (context: Context) => new AcceptorBench(context);

/** The leader that uses the acceptor under test; undefined when none does, or no acceptor was given. */
export async function connectedLeader(context: Context): Promise<string | undefined> {
  if (!context.has("acceptor")) return undefined;
  const { message } = await context.target("acceptor").ask("synod.v1.Cluster/Status", {});
  const peers: { id: string; role: string; connected: boolean }[] = message?.peers ?? [];
  return peers.find((peer) => peer.role === "ROLE_LEADER" && peer.connected)?.id;
}

interface Movement {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The first field of the acceptor's status that differs after something was run; undefined when none does. */
async function movement(context: Context, run: () => Promise<void>): Promise<Movement | undefined> {
  const bench = benchOf(context);
  const before = await bench.state();
  await run();
  const after = await bench.state();
  return ["promised", "highestSlot", "trimmedBelow", "store"]
    .map((field) => ({ field, before: before[field], after: after[field] }))
    .find((one) => !isDeepStrictEqual(one.after, one.before));
}

/** An acceptor is left alone so often, for so many milliseconds each, to see whether it moves without being asked. */
const controls = 2;
const controlMs = 200;

/**
 * Does something that must change nothing in an acceptor. A leader that uses it may have it accept something meanwhile. So
 * there a change is laid to what was done only if it comes each time that is done, and never without it; else the check is
 * not possible.
 */
export async function unchanged(context: Context, run: () => Promise<void>): Promise<void> {
  const moved = await movement(context, run);
  if (moved === undefined) return;
  const leader = await connectedLeader(context);
  for (let control = 0; leader !== undefined && control < controls; control++) {
    const byItself = await movement(context, () => pause(controlMs));
    if (byItself !== undefined || (await movement(context, run)) === undefined)
      throw new NotPossible(
        `leader ${leader} is connected to this acceptor, and had it change ${moved.field} meanwhile: ` +
          "give one that no leader uses, or ask while nothing is decided",
      );
  }
  fail(`Status.${moved.field} afterwards`, shown(moved.before), shown(moved.after));
}

export function p1aOf(ballot: Ballot, from = 1, more: Message = {}): Message {
  return { ballot, configuration: 1, from, scout: 1, ...more };
}

export function p2aOf(ballot: Ballot, slot: number, value: Message): Message {
  return { pvalue: { ballot, slot, value } };
}

/** An answer must name its acceptor, store and the ballot asked: without these a late refusal could pass for a vote. */
export async function signed(context: Context, answer: Message, asked: Ballot): Promise<void> {
  const { id, acceptor } = await context.target("acceptor").status();
  equal(answer.acceptor, id, "acceptor");
  equal(answer.store, acceptor.store, "store");
  equal(answer.asked, asked, "asked");
}

export function promises(answer: Message, ballot: Ballot, what = "promised"): void {
  equal(answer.promised, ballot, what);
}

export function refusesWith(answer: Message, promise: Ballot, asked: Ballot): void {
  equal(answer.asked, asked, "asked");
  equal(answer.promised, promise, "promised, in a refusal");
}

/** Every page from a slot on, put together; the pages must follow each other without overlap. */
export async function allAccepted(
  context: Context,
  port: Port,
  ballot: Ballot,
  from: number,
): Promise<Message[]> {
  const found: Message[] = [];
  for (let next = from; next !== 0; ) {
    const page = await port.prepare(context, p1aOf(ballot, next));
    equal(page.from, next, "P1b.from");
    for (const pvalue of page.accepted) {
      holds(
        pvalue.slot >= next,
        "a pvalue's slot",
        `at least ${next}, which the page was asked from`,
        pvalue.slot,
      );
      const last = found.at(-1)?.slot ?? 0;
      holds(pvalue.slot > last, "a pvalue's slot", `above ${last}, the one before`, pvalue.slot);
      found.push(pvalue);
    }
    holds(
      page.next === 0 || page.next > (found.at(-1)?.slot ?? 0),
      "P1b.next",
      "0, or a slot above the page's last",
      page.next,
    );
    next = page.next;
  }
  return found;
}

export function tells(found: readonly Message[], slot: number, ballot: Ballot, value: Message): void {
  const pvalue = found.find((one) => one.slot === slot);
  holds(pvalue !== undefined, `slot ${slot} in the pages of P1b`, "the pvalue accepted there", "nothing");
  equal(pvalue?.ballot, ballot, `the ballot of slot ${slot}`);
  equalValue(pvalue?.value, value, `the value of slot ${slot}`);
}

export async function heartbeat(stream: Stream, ballot: Message, beat: number): Promise<Message> {
  stream.send({ heartbeat: { ballot, beat } });
  const { heartbeatAck } = await stream.next("a HeartbeatAck", ({ message }) => message === "heartbeatAck");
  return heartbeatAck;
}

/** Accepts values in slots under a ballot, and requires each to be a vote. */
export async function accepted(
  context: Context,
  port: Port,
  ballot: Ballot,
  values: ReadonlyMap<number, Message>,
): Promise<void> {
  for (const [slot, value] of values) {
    const answer = await port.accept(context, p2aOf(ballot, slot, value));
    await signed(context, answer, ballot);
    equal(answer.slot, slot, "P2b.slot");
    promises(answer, ballot);
  }
}

/** The service dies and comes back; unless it cannot. */
export async function restarted(context: Context): Promise<void> {
  await context.restart?.("acceptor");
  await context.target("acceptor").reconnect();
}

export function invalid(ending: Ending, what: string): void {
  endsWith(ending, ["INVALID_ARGUMENT"], [], what);
}

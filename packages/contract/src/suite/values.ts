import { randomBytes } from "node:crypto";
import type { Context } from "./context.js";
import { equal, fail } from "./expect.js";
import { type Message, rpcOf } from "./message.js";

export interface Ballot {
  readonly round: number;
  readonly leader: string;
  readonly incarnation: number;
}

/** Below every promise: asking with it changes nothing where anything is promised. */
export const lowest: Ballot = { round: 0, leader: "contract", incarnation: 0 };

/** PMMC 2.2 and paxos.proto: by round, then leader as text, then incarnation. */
export function compareBallots(a: Ballot | null, b: Ballot | null): number {
  const [x, y] = [a ?? none, b ?? none];
  if (x.round !== y.round) return x.round - y.round;
  if (x.leader !== y.leader) return x.leader < y.leader ? -1 : 1;
  return x.incarnation - y.incarnation;
}

const none: Ballot = { round: 0, leader: "", incarnation: 0 };

/** A command of a session that nobody opened: replicas that are to execute it refuse it, so it has no effect. */
export function aCommand(bytes = 16): Message {
  return {
    clientId: "contract",
    sequence: 1,
    acknowledged: 0,
    service: "synod.kv.v1.KeyValue",
    method: "Get",
    request: randomBytes(bytes),
  };
}

/** A value like no other, with a proposal id like no other. */
export function aValue(context: Context, bytes?: number): Message {
  return {
    proposal: { replica: "contract", incarnation: context.run, number: context.next() },
    batch: { commands: [aCommand(bytes)] },
  };
}

/** A value as another implementation must have kept it. */
function read(value: Message | null): Message {
  if (!value) return {};
  // There and back through the proto: fields left out read as their defaults on both sides.
  const { decodeRequest, encode } = rpcOf("synod.v1.Acceptor/Accept");
  return decodeRequest(encode({ pvalue: { ballot: lowest, slot: 1, value } })).pvalue.value;
}

export function sameValue(a: Message | null, b: Message | null): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf(value: Message | null): Buffer {
  const { encode } = rpcOf("synod.v1.Acceptor/Accept");
  return encode({ pvalue: { value: read(value) } });
}

export function equalValue(found: Message | null, expected: Message, what: string): void {
  if (sameValue(found, expected)) return;
  equal(read(found), read(expected), what);
  fail(what, "the value that was sent, byte for byte", read(found));
}

/** A ballot without what it needs, by what is wrong with it. */
export const badBallots: Readonly<Record<string, Message | null>> = {
  "no ballot": null,
  "a ballot without leader": { round: 1, leader: "", incarnation: 1 },
  "a leader's name with a blank": { round: 1, leader: "no name", incarnation: 1 },
  "a round of 2^53": { round: "9007199254740992", leader: "contract", incarnation: 1 },
};

export const badValues: Readonly<Record<string, Message | null>> = {
  "no value": null,
  "a value of no kind": { proposal: { replica: "contract", incarnation: 1, number: 1 } },
  "a configuration without acceptors": { configuration: { number: 2, predecessor: 1 } },
};

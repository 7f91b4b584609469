import type { PlainMessage } from "@synod/wire";
import type { Rule } from "./front.js";

interface Proposal extends PlainMessage {
  replica: string;
  incarnation: string;
  number: string;
}

const far = 1_000_000;

/** Real proposal ids by the ones that were made up. */
function renaming() {
  const seen = new Map<string, number>();
  const fresh = ({ replica, incarnation, number }: Proposal): Proposal => {
    const key = `${replica}/${incarnation}/${number}`;
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    return { replica, incarnation, number: String(Number(number) + times * far) };
  };
  const original = (proposal: Proposal): Proposal => ({
    ...proposal,
    number: String(Number(proposal.number) % far),
  });
  const within = (message: PlainMessage, rename: (proposal: Proposal) => Proposal): PlainMessage => {
    const { kind: _, ...value } = (message.value ?? {}) as PlainMessage;
    if (!value.proposal) return message;
    return { ...message, value: { ...value, proposal: rename(value.proposal as Proposal) } };
  };
  return {
    ask: (message: PlainMessage) => within(message, fresh),
    tell: (message: PlainMessage) => within(message, original),
  };
}

function inMember(
  message: PlainMessage,
  member: string,
  change: (inner: PlainMessage) => PlainMessage,
): PlainMessage {
  const { message: _, ...rest } = message;
  const inner = message[member] as PlainMessage | undefined;
  return inner?.value ? { ...rest, [member]: change(inner) } : message;
}

/** A proposal that comes again gets another slot: it goes on under an id of its own. */
export function givesOneIdTwoSlots(): readonly Rule[] {
  const { ask, tell } = renaming();
  return [
    { method: "synod.v1.Leader/Submit", request: ask, response: tell },
    {
      method: "synod.v1.Leader/Attach",
      request: (message) => inMember(message, "propose", ask),
      response: (message) => inMember(message, "decision", tell),
    },
  ];
}

/** It announces a decision that no acceptor has heard of. */
export function decidesWithoutAMajority(): readonly Rule[] {
  const decided = new Map<string, PlainMessage>();
  let slot = 1_000;
  return [
    {
      method: "synod.v1.Leader/Submit",
      answer: ({ value }) => {
        const { kind: _, ...plain } = (value ?? {}) as PlainMessage;
        const { proposal, batch } = plain as { proposal?: Proposal; batch?: unknown };
        if (!proposal || !batch) return undefined;
        const key = JSON.stringify(proposal);
        const found = decided.get(key) ?? { slot: String(++slot), value: plain };
        decided.set(key, found);
        return found;
      },
    },
  ];
}

import type { AcceptedPage } from "@synod/core";
import type { PlainMessage } from "@synod/wire";
import type { Faults } from "../members.js";
import type { Rule } from "./front.js";
import { inFront } from "./in-front.js";

/** An answer on a stream, or the whole of a unary one. */
function inAnswer(kind: "p1b" | "p2b", change: (answer: PlainMessage) => PlainMessage) {
  return (message: PlainMessage): PlainMessage => {
    const answer = message[kind] as PlainMessage | undefined;
    if (!answer) return message;
    const { message: _, ...rest } = message;
    return { ...rest, [kind]: change(answer) };
  };
}

const promisesWhatIsAsked = (answer: PlainMessage) => ({ ...answer, promised: answer.asked });
const withoutSlot = (answer: PlainMessage) => ({ ...answer, slot: "0" });

/** It has forgotten what it promised: whatever ballot is asked for is the one it answers with. */
export const forgetsItsPromise: readonly Rule[] = [
  { method: "synod.v1.Acceptor/Prepare", response: promisesWhatIsAsked },
  { method: "synod.v1.Acceptor/Accept", response: promisesWhatIsAsked },
  {
    method: "synod.v1.Acceptor/Vote",
    response: (message) =>
      inAnswer("p2b", promisesWhatIsAsked)(inAnswer("p1b", promisesWhatIsAsked)(message)),
  },
];

/** Its P2b says nothing of the slot. */
export const leavesTheSlotOut: readonly Rule[] = [
  { method: "synod.v1.Acceptor/Accept", response: withoutSlot },
  { method: "synod.v1.Acceptor/Vote", response: inAnswer("p2b", withoutSlot) },
];

/** It loses every fifth of the pvalues that it accepted. */
export const forgetsAPvalue: Faults["acceptorStore"] = (store) =>
  inFront(store, {
    page: (from: number, maxSlots: number, maxBytes: number): AcceptedPage => {
      const { accepted, next } = store.page(from, maxSlots, maxBytes);
      return { accepted: accepted.filter(({ slot }) => slot % 5 !== 0), next };
    },
  });

/** It answers while its writes still wait for the disk, which a crash then takes. */
export const answersBeforeItsWrite: Faults["acceptorStore"] = (store, disk) => {
  disk.hold(true);
  return inFront(store, {
    commit: () => {
      store.commit().catch(() => {});
      return Promise.resolve();
    },
    // Its real commits never end, and nobody waits for them.
    close: () => Promise.resolve(),
  });
};

/** After a restart it knows nothing of what it had forgotten: neither the slots nor that they are decided. */
export const forgetsItsTrimRecord: Faults["acceptorStore"] = (store) =>
  inFront(store, { state: { ...store.state, trim: { below: 1, configurations: [] } } });

/** Each P2a that it refuses leaves a mark: its highest slot rises. */
export function countsWhatItRefuses(): readonly Rule[] {
  let asked = 0;
  return [
    {
      method: "synod.v1.Acceptor/Accept",
      request: (request) => {
        asked++;
        return request;
      },
    },
    { method: "synod.v1.Cluster/Status", response: (status) => raised(status, asked) },
  ];
}

/** It accepts something between any two looks at it, as one does to which a busy leader sends. */
export function keepsAccepting(): readonly Rule[] {
  let looks = 0;
  return [{ method: "synod.v1.Cluster/Status", response: (status) => raised(status, ++looks) }];
}

function raised({ acceptor, ...status }: PlainMessage, slots: number): PlainMessage {
  const { highestSlot, ...state } = acceptor as PlainMessage;
  return { ...status, acceptor: { ...state, highestSlot: String(Number(highestSlot) + slots) } };
}

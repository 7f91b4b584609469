import type { StatePage } from "@synod/storage";
import type { PlainMessage } from "@synod/wire";
import type { Faults } from "../members.js";
import type { Rule } from "./front.js";
import { inFront } from "./in-front.js";

const aborted = 10;

/** Sequences that no check uses in the sessions it repeats in, but within their window. */
const far = 128;

/** It has no table of sessions: a command that comes again is executed again, under the next sequence. */
export function executesARepeatTwice(): readonly Rule[] {
  const seen = new Map<string, number>();
  const again = ({ clientId, sequence, ...rest }: PlainMessage): PlainMessage => {
    const key = `${clientId}/${sequence}`;
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    return { clientId, sequence: String(Number(sequence) + times * far), ...rest };
  };
  return [
    {
      method: "synod.v1.Replica/Execute",
      request: (request) => (request.command ? { command: again(request.command as PlainMessage) } : request),
      response: (response, { command }) => ({ ...response, sequence: (command as PlainMessage).sequence }),
    },
  ];
}

/** It says of what the log refused, because its session is not open, that this is the answer. */
export const callsARefusalAnAnswer: readonly Rule[] = [
  {
    method: "synod.v1.Replica/Execute",
    response: (response) =>
      response.status === aborted ? { ...response, outcome: "OUTCOME_ANSWERED" } : response,
  },
];

/** It never says more than that the outcome is unknown. */
export const knowsNoOutcome: readonly Rule[] = [
  {
    method: "synod.v1.Replica/Execute",
    response: (response) => (response.status === 0 ? { ...response, outcome: "OUTCOME_UNKNOWN" } : response),
  },
];

/** It does not look at which cluster a call is meant for. */
export const servesWhoeverAsks: readonly Rule[] = [
  "synod.v1.Replica/Execute",
  "synod.v1.Replica/OpenSession",
  "synod.v1.Cluster/Status",
].map((method) => ({
  method,
  request: (request, metadata) => {
    metadata.remove("synod-cluster");
    return request;
  },
}));

/** It answers reads from what it has read before, not from where the log has come to. */
export function answersStale(): readonly Rule[] {
  const read = new Map<string, PlainMessage>();
  return [
    {
      method: "synod.kv.v1.KeyValue/Get",
      answer: ({ key }) => read.get(String(key)),
      response: (response, { key }) => {
        read.set(String(key), response);
        return response;
      },
    },
  ];
}

/** A snapshot of it lacks a key here and there; digests and all else of its pages are right. */
export const skipsAKey: Faults["replicaStore"] = (store) =>
  inFront(store, {
    snapshot: async () => {
      const snapshot = await store.snapshot();
      const page = (after: Uint8Array | undefined, maxBytes: number): StatePage => {
        const { entries, done } = snapshot.page(after, maxBytes);
        const kept = entries.filter(([key]) => key.reduce((sum, byte) => sum + byte, 0) % 5 !== 0);
        const last = entries.at(-1)?.[0];
        return kept.length > 0 || done || !last ? { entries: kept, done } : page(last, maxBytes);
      };
      return { slot: snapshot.slot, rows: snapshot.rows, page, close: () => snapshot.close() };
    },
  });

/** It names another slot than the one that decided a switch. */
export const namesAnotherSlot: readonly Rule[] = [
  {
    method: "synod.v1.Replica/SwitchVersion",
    response: ({ slot }) => ({ slot: String(Number(slot) + 1) }),
  },
];

/** Its log goes back behind a switch. */
export function tellsWhatNobodyExecutes(): readonly Rule[] {
  let first: PlainMessage | undefined;
  return [
    {
      method: "synod.v1.Replica/Log",
      response: (page, { from }) => {
        const [decision] = page.decisions as PlainMessage[];
        first ??= decision;
        return { ...page, decisions: [{ ...first, slot: from }], next: "0" };
      },
    },
  ];
}

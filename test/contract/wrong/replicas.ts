import type { PlainMessage } from "@synod/wire";
import type { Rule } from "./front.js";

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

/** A snapshot of it lacks a key here and there. */
export function skipsAKey(): readonly Rule[] {
  return [
    {
      method: "synod.v1.Replica/Snapshot",
      response: (page) => ({
        ...page,
        entries: (page.entries as unknown[]).filter((_, index, { length }) => index !== 1 || length < 3),
      }),
    },
  ];
}

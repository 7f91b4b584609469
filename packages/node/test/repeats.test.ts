import type { Ballot, Message, Value } from "@synod/core";
import { expect, test } from "vitest";
import { repeatOf } from "../src/transport/repeats.js";

const ballot = (round: number, incarnation = 1): Ballot => ({ round, leader: "l1", incarnation });
const value = (number: number): Value => ({
  kind: "batch",
  proposal: { replica: "r1", incarnation: 1, number },
  commands: new Uint8Array(1),
});
const p1a = { kind: "p1a", ballot: ballot(1), configuration: 1, from: 1, scout: 1 } as const;
const p2b = { kind: "p2b", acceptor: "a1", store: "s1", asked: ballot(1), slot: 1 } as const;

/** Each says something else than all others. */
const different: Message[] = [
  ...[{}, { scout: 2 }, { from: 2 }, { configuration: 2 }, { ballot: ballot(2) }].map((more) => ({
    ...p1a,
    ...more,
  })),
  ...[ballot(1), ballot(2), ballot(1, 2)].map((each) => ({
    kind: "p2a" as const,
    pvalue: { ballot: each, slot: 1, value: value(1) },
  })),
  { kind: "p2a", pvalue: { ballot: ballot(1), slot: 2, value: value(1) } },
  { ...p2b, promised: ballot(1) },
  { ...p2b, promised: ballot(2) }, // A refusal is no vote.
  { ...p2b, slot: 2, promised: ballot(1) },
  ...[1, 2].map((number) => ({
    kind: "propose" as const,
    ...{ slot: 1, value: value(number), forwarded: false },
  })),
  { kind: "decision", slot: 1, value: value(1) },
  { kind: "decision", slot: 2, value: value(1) },
  { kind: "question", from: 1, through: 1 },
  { kind: "question", from: 1, through: 2 },
];

test("only copies of one request or one answer count as such", () => {
  const repeats = different.map(repeatOf);
  expect(repeats.every((repeat) => repeat?.kind !== "news")).toBe(true);
  expect(new Set(repeats.map((repeat) => repeat?.key)).size).toBe(different.length);
  expect(repeatOf({ ...p1a })).toEqual(repeatOf(p1a));
});

test("only what is answered in any case is awaited once it has left", () => {
  const awaited = different.filter((message) => repeatOf(message)?.kind === "request");
  expect([...new Set(awaited.map(({ kind }) => kind))]).toEqual(["p1a", "p2a"]);
});

test("of what tells how things stand, the newest counts", () => {
  const ping: Message = { kind: "ping", number: 1 };
  expect(repeatOf(ping)).toEqual({ key: "ping", kind: "news" });
  expect(repeatOf({ ...ping, number: 2 })).toEqual(repeatOf(ping));
});

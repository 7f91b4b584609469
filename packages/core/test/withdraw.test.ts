import { expect, test } from "vitest";
import { type Command, defaultLimits, type Genesis, type Output, Replica } from "../src/index.js";

const member = (id: string) => ({ id, address: `${id}:1` });
const genesis: Genesis = {
  window: 8,
  configuration: {
    number: 1,
    predecessor: 0,
    acceptors: [{ ...member("a1"), store: "s1" }],
    leaders: [member("l1")],
    replicas: [member("r1")],
  },
};
const command = (sequence: number): Command => ({
  clientId: "1.0",
  sequence,
  acknowledged: 0,
  service: "bank.v1.Ledger",
  method: "Add",
  request: new Uint8Array([sequence]),
});

/** Two commands proposed, one a batch, and a third that waits. */
function busy(): Replica {
  const replica = new Replica({
    id: "r1",
    incarnation: 1,
    genesis,
    configurations: [],
    slotOut: 1,
    encodeBatch: (commands) => Buffer.from(commands.map(({ sequence }) => sequence)),
    limits: { ...defaultLimits, maxOutstandingProposals: 2, maxBatchCommands: 1 },
  });
  replica.step({ kind: "connected", peer: { role: "leader", id: "l1" }, slotOut: 0, configurations: [] });
  replica.step({ kind: "requests", commands: [command(1), command(2), command(3)] });
  expect(replica.status()).toMatchObject({ outstanding: 2, queued: 1 });
  return replica;
}

const withdrawn = (outputs: readonly Output[]) =>
  outputs.flatMap((output) =>
    output.kind === "withdrawn" ? output.commands.map(({ sequence }) => sequence) : [],
  );

const proposed = (outputs: readonly Output[]) =>
  outputs.flatMap((output) =>
    output.kind === "send" && output.message.kind === "propose" && output.message.value.kind === "batch"
      ? [output.message.value]
      : [],
  );

test("what is taken back comes in the order in which it came, what was proposed first, and nothing is left (rule 35)", () => {
  const replica = busy();
  expect(withdrawn(replica.step({ kind: "withdraw", outstanding: true }))).toEqual([1, 2, 3]);
  expect(replica.status()).toMatchObject({ outstanding: 0, queued: 0 });
  expect(replica.step({ kind: "withdraw", outstanding: true })).toEqual([]);
});

test("what was proposed stays outstanding where only what waits is taken back", () => {
  const replica = busy();
  expect(withdrawn(replica.step({ kind: "withdraw", outstanding: false }))).toEqual([3]);
  expect(replica.status()).toMatchObject({ outstanding: 2, queued: 0 });
});

test("what was taken back is proposed anew under another id, and applied wherever either is decided", () => {
  const replica = busy();
  replica.step({ kind: "withdraw", outstanding: true });
  const [again] = proposed(replica.step({ kind: "requests", commands: [command(1)] }));
  expect(again?.proposal.number).toBe(3);
  const from = { role: "leader", id: "l1" } as const;
  const first = { ...again, proposal: { ...again?.proposal, number: 1 } } as NonNullable<typeof again>;
  for (const [slot, value] of [first, again as NonNullable<typeof again>].entries())
    expect(
      replica.step({ kind: "message", from, message: { kind: "decision", slot: slot + 1, value } }),
    ).toContainEqual({ kind: "apply", slot: slot + 1, value });
  expect(replica.status()).toMatchObject({ outstanding: 0, slotOut: 3 });
});

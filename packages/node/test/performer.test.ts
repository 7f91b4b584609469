import type { Command, Value } from "@synod/core";
import type { Answer, SlotContent } from "@synod/state-machine";
import { batch } from "@synod/wire";
import { expect, test } from "vitest";
import type { Halt } from "../src/replica/halt.js";
import { Performer, type PerformerOptions } from "../src/replica/performer.js";

const command = (sequence: number): Command => ({
  clientId: "7.0",
  sequence,
  acknowledged: 0,
  service: "bank.v1.Ledger",
  method: "Add",
  request: Buffer.from([sequence]),
});

const proposal = { replica: "r1", incarnation: 1, number: 1 };
const batchOf = (...sequences: number[]): Value => ({
  kind: "batch",
  proposal,
  commands: batch.encode({ commands: sequences.map(command), logTimeMs: 5, beginsLogTime: false }),
});

/** A replica that has applied `appliedSlot`, and what its performer did. */
function make(appliedSlot: number, system: object = {}) {
  const events: string[] = [];
  const engine = {
    appliedSlot,
    logTimeMs: 5,
    system: {
      reports: { divergence: undefined },
      lackingFor: () => undefined,
      missedIn: () => undefined,
      foreignFor: () => undefined,
      ...system,
    },
    apply(slot: number, decided: SlotContent): readonly Answer[] {
      events.push(`apply ${slot} ${decided.kind}`);
      engine.appliedSlot = slot;
      return decided.kind === "batch"
        ? decided.commands.map((each) => ({ ...each, took: each.sequence }) as never)
        : [];
    },
  };
  const performer = new Performer({
    scheduler: { nowMs: () => 0 },
    engine: engine as unknown as PerformerOptions["engine"],
    logTime: {
      applied: (slot, { kind } = { kind: "no-op" }, own) => events.push(`time ${slot} ${kind} ${own}`),
    },
    proposed: () => true,
    log: { append: (slot) => events.push(`log ${slot}`) },
    requests: {
      executed: ({ sequence }) => events.push(`answer ${sequence}`),
      jumpedOver: ({ sequence }) => events.push(`jumped over ${sequence}`),
    },
    proposer: {
      applied: (slot, taken) => {
        if (taken.length > 0)
          events.push(`slot ${slot} took ${taken.map(({ bytes }) => bytes).join(" and ")}`);
      },
    },
    logger: { error: (_, text) => events.push(text), info: () => {} },
    onHalted: ({ reason }) => events.push(`halted: ${reason}`),
    onResumed: (slot) => events.push(`resumed at ${slot}`),
  });
  return { performer, events };
}

test("a decided slot is executed, kept, and answered, in this order (rule 17)", () => {
  const { performer, events } = make(3);
  performer.apply(4, batchOf(1, 2));
  expect(events).toEqual([
    "apply 4 batch",
    "time 4 batch true",
    "log 4",
    "answer 1",
    "answer 2",
    "slot 4 took 1 and 2",
  ]);
});

test("what a snapshot has brought is not executed again, and its commands are answered (rule 19)", () => {
  const { performer, events } = make(9);
  performer.apply(4, batchOf(1, 2));
  performer.jumpedOver(batchOf(3));
  performer.jumpedOver({ kind: "no-op" });
  expect(events).toEqual(["jumped over 1", "jumped over 2", "jumped over 3"]);
});

test("a batch that is none counts as a no-op", () => {
  const { performer, events } = make(3);
  performer.apply(4, { kind: "batch", proposal, commands: Buffer.from([0xff]) });
  expect(events).toEqual([
    expect.stringContaining("cannot be decoded"),
    "apply 4 no-op",
    "time 4 no-op true",
    "log 4",
  ]);
});

test("a replica that is unfit performs nothing more and says so once (rules 26 and 27)", () => {
  const { performer, events } = make(3, {
    lackingFor: () => ({ service: "bank.v1.Ledger", version: 2, offered: undefined }),
  });
  performer.apply(4, batchOf(1));
  performer.apply(4, batchOf(1));
  performer.haltIfUnfit();
  const { reason } = performer.halted as Halt;
  expect(reason).toMatch(/stopped before slot 4: version 2 of bank\.v1\.Ledger/);
  expect(events).toEqual([reason, `halted: ${reason}`]);
});

test("a replica on another runtime, or with another engine, performs nothing, and says what runs and what to start (rule 32)", () => {
  const engine = { version: 1, digest: "0".repeat(64) };
  const inForce = { engine, runtime: "a".repeat(64), node: "v22.1.0" };
  const own = { engines: [{ version: 1, digest: "1".repeat(64) }], runtime: "b".repeat(64), node: "v24.2.0" };
  const halted = (what: string) => {
    const { performer, events } = make(3, { foreignFor: () => ({ what, inForce, own }) });
    performer.apply(4, batchOf(1));
    const { kind, reason } = performer.halted as Halt;
    expect(kind).toBe("foreign");
    expect(events).toEqual([reason, `halted: ${reason}`]);
    return reason;
  };
  expect(halted("runtime")).toMatch(
    /^stopped before slot 4: .* Node v22\.1\.0 .* Node v24\.2\.0 .* start it with Node v22\.1\.0/,
  );
  expect(halted("engine")).toMatch(
    /version 1 \(0{12}\) of synod\.engine is in force, .* version 1 \(1{12}\)/,
  );
});

import type { Command, Value } from "@synod/core";
import type { Answer, Decided } from "@synod/state-machine";
import { batch } from "@synod/wire";
import { expect, test } from "vitest";
import type { Halt } from "../src/halt.js";
import { Performer, type PerformerOptions } from "../src/performer.js";

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
      ...system,
    },
    apply(slot: number, decided: Decided): readonly Answer[] {
      events.push(`apply ${slot} ${decided.kind}`);
      engine.appliedSlot = slot;
      return decided.kind === "batch" ? decided.commands.map((each) => ({ ...each }) as never) : [];
    },
  };
  const performer = new Performer({
    engine: engine as unknown as PerformerOptions["engine"],
    clock: { applied: () => {} },
    log: { append: (slot) => events.push(`log ${slot}`) },
    requests: {
      executed: ({ sequence }) => events.push(`answer ${sequence}`),
      jumpedOver: ({ sequence }) => events.push(`jumped over ${sequence}`),
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
  expect(events).toEqual(["apply 4 batch", "log 4", "answer 1", "answer 2"]);
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
  expect(events).toEqual([expect.stringContaining("cannot be decoded"), "apply 4 no-op", "log 4"]);
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

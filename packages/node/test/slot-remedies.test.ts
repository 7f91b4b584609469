import type { HeldSlot } from "@synod/storage";
import { type DecideRemedyRequest, eventLoop } from "@synod/wire";
import { expect, test } from "vitest";
import { SlotRemedies, type SlotRemediesOptions } from "../src/replica/slot-remedies.js";
import { SystemCommands } from "../src/replica/system-commands.js";
import type { UnaryCall } from "../src/transport/server.js";

/** A replica that has applied slot 4, and knows of more that are decided. */
function replica({ held = [], executed = 4 }: { held?: readonly HeldSlot[]; executed?: number } = {}) {
  const marker = {
    held,
    executed,
    heldAt: (slot: number) => marker.held.find((each) => each.slot === slot),
    hold: (given: HeldSlot) => {
      marker.held = [given];
    },
  };
  const asked: string[] = [];
  const remedies = new SlotRemedies({
    commands: new SystemCommands(),
    scheduler: eventLoop,
    marker,
    appliedSlot: () => 4,
    durableSlot: () => 2,
    highestKnown: () => 9,
    remedyOf: () => 0,
    performer: { haltIfUnfit: () => asked.push("halt"), remediesOfNext: 0 },
    propose: () => asked.push("propose"),
    requests: new Proxy({}, { get: () => asked.push("requests") }) as SlotRemediesOptions["requests"],
  });
  const decide = (slot: number, number = 1) => {
    const request: DecideRemedyRequest = { slot, number, skip: "batch", retire: [] };
    return remedies.decide({ request } as UnaryCall<DecideRemedyRequest>);
  };
  return { marker, asked, remedies, decide };
}

test("no remedy is proposed for a slot that this replica did not promise not to execute before it (rule 33)", async () => {
  for (const [held, number] of [
    [[], 1],
    [[{ slot: 6, remedies: 1 }], 1],
    [[{ slot: 5, remedies: 1 }], 2],
  ] as const) {
    const { asked, decide } = replica({ held });
    await expect(decide(5, number)).rejects.toThrow(/ask every replica first/);
    expect(asked).toEqual([]);
  }
});

test("a promise is kept before it is given, and is given for no slot that may have been executed here (rule 33)", () => {
  const { marker, asked, remedies } = replica();
  expect(remedies.hold({ slot: 5, number: 1 })).toEqual({
    response: { held: true, appliedSlot: 4, appliedRemedy: 0 },
  });
  expect([marker.held, asked]).toEqual([[{ slot: 5, remedies: 1 }], ["halt"]]);
  expect(remedies.hold({ slot: 4, number: 1 }).response.held).toBe(false);
  const lost = replica({ executed: 5 });
  expect(() => lost.remedies.hold({ slot: 5, number: 1 })).toThrow(/executed slot 5/);
  expect(lost.marker.held).toEqual([]);
});

test("a second slot is not promised while one is waited with (rule 33)", () => {
  const { marker, remedies } = replica({ held: [{ slot: 5, remedies: 1 }] });
  expect(() => remedies.hold({ slot: 6, number: 1 })).toThrow(/holds slot 5 already/);
  expect(marker.held).toEqual([{ slot: 5, remedies: 1 }]);
  expect(() => remedies.hold({ slot: 20, number: 1 })).toThrow(/expected a slot up to 10/);
});

test("promises that bind still, about slots that the store has not kept, have a bound (rule 33)", () => {
  const kept = Array.from({ length: 16 }, () => ({ slot: 2, remedies: 1 }));
  expect(replica({ held: kept }).remedies.hold({ slot: 5, number: 1 }).response.held).toBe(true);
  const binding = Array.from({ length: 16 }, () => ({ slot: 3, remedies: 1 }));
  expect(() => replica({ held: binding }).remedies.hold({ slot: 5, number: 1 })).toThrow(
    /at most 16 promises/,
  );
});

import type { Command } from "@synod/core";
import { expect, test } from "vitest";
import { encodeSaid, type Remedy, remedyMethod, systemService } from "../src/index.js";
import { serviceOf, World } from "./support.js";

const name = "test.v1.Test";
const key = Buffer.from("n");

/** Counts how often it was executed, in a row of its own. */
const counting = () =>
  serviceOf({
    kind: "command",
    execute: (tx) => {
      const count = (tx.get(key)?.[0] ?? 0) + 1;
      tx.put(key, Uint8Array.of(count));
      return { count };
    },
  });

const remedyCommand = (remedy: Remedy) => ({
  clientId: "nonce",
  sequence: 1,
  acknowledged: 0,
  service: systemService,
  method: remedyMethod,
  request: encodeSaid(remedy),
});

function world() {
  const made = new World([counting()]);
  const next = () => made.engine.appliedSlot + 1;
  const command = () => made.command(name, "Do", {});
  const countOf = () => made.call(name, "Do", {}).count as number;
  return { made, next, command, countOf };
}

test("a skipped batch executes nothing of services, is answered alike, and a repeat gets that answer (rule 33)", () => {
  const { made, next, command, countOf } = world();
  const commands = [command(), command()];
  const slot = next();
  const answers = made.engine.apply(slot, { kind: "batch", commands }, [{ slot, number: 1, skip: "batch" }]);
  expect(answers.map(({ status }) => status)).toEqual([13, 13]);
  expect(answers[1]?.message).toContain(`command 1 of slot ${slot} skipped`);
  const [again] = made.batch([commands[1] as Command]);
  expect(again).toMatchObject({ status: 13, repeated: true, slot });
  expect(countOf()).toBe(1);
});

test("one command can be skipped, and the others are executed", () => {
  const { made, next, command, countOf } = world();
  const slot = next();
  const commands = [command(), command(), command()];
  const answers = made.engine.apply(slot, { kind: "batch", commands }, [{ slot, number: 1, skip: 1 }]);
  expect(answers.map(({ status }) => status)).toEqual([0, 13, 0]);
  expect(countOf()).toBe(3);
});

test("a service that is retired from a slot on is out of use in that very slot, and may come back", () => {
  const { made, next, command, countOf } = world();
  expect(countOf()).toBe(1);
  const slot = next();
  const remedies: Remedy[] = [{ slot, number: 1, retire: [name] }];
  const [answer] = made.engine.apply(slot, { kind: "batch", commands: [command()] }, remedies);
  expect(answer).toMatchObject({ status: 12, message: `service ${name} was taken out of use` });
  expect(made.engine.system.versions.inForce(name)).toBe(0);
});

test("a slot with a remedy has another hash than without, and one with a remedy without effect has not", () => {
  const hashWith = (...skips: (Remedy["skip"] | "nothing")[]) => {
    const { made, next } = world();
    const slot = next();
    const remedies = skips.map((skip, index): Remedy => {
      const remedy = { slot, number: index + 1 };
      return skip === "nothing" ? remedy : { ...remedy, skip };
    });
    made.engine.apply(slot, { kind: "batch", commands: [] }, remedies);
    return made.engine.hash;
  };
  expect(hashWith("nothing")).toBe(hashWith());
  expect(hashWith("batch")).not.toBe(hashWith());
  expect(hashWith(0)).not.toBe(hashWith("batch"));
});

test("only the next remedy for a slot counts, a repeat of one that did is no trouble, and an earlier slot cannot name a later", () => {
  const { made, next, command } = world();
  const slot = next();
  made.engine.apply(slot, { kind: "batch", commands: [command()] }, [{ slot, number: 1, skip: "batch" }]);
  const decide = (remedy: Remedy) => made.batch([remedyCommand(remedy)])[0];
  expect(decide({ slot, number: 2, skip: 0 })).toMatchObject({ status: 9 });
  expect(decide({ slot, number: 1, skip: "batch" })).toMatchObject({ status: 0 });
  expect(decide({ slot, number: 1, skip: "batch" })).toMatchObject({ status: 0 });
  expect(decide({ slot, number: 1, skip: 0 })).toMatchObject({
    status: 9,
    message: expect.stringMatching(/expected remedy 2 .* found remedy 1/),
  });
  expect(decide({ slot: next() + 1, number: 1, skip: "batch" })).toMatchObject({ status: 9 });
});

test("a remedy for a slot that was executed without it is found before the slot that decided it is executed", () => {
  const { made, next, command } = world();
  const [plain, skipped] = [next(), next() + 1];
  made.batch([command()]);
  made.engine.apply(skipped, { kind: "batch", commands: [command()] }, [
    { slot: skipped, number: 1, skip: "batch" },
  ]);
  const missed = (...remedies: Remedy[]) =>
    made.engine.system.missedIn(next(), { kind: "batch", commands: remedies.map(remedyCommand) });
  expect(missed({ slot: plain, number: 1, skip: 0 })).toMatchObject({ slot: plain });
  expect(missed({ slot: plain, number: 2, skip: 0 })).toBeUndefined();
  expect(missed({ slot: plain, number: 1 })).toBeUndefined();
  expect(missed({ slot: plain, number: 1 }, { slot: plain, number: 2, skip: 0 })).toMatchObject({
    number: 2,
  });
  expect(missed({ slot: skipped, number: 1, skip: "batch" })).toBeUndefined();
  expect(
    missed({ slot: skipped, number: 1, skip: "batch" }, { slot: skipped, number: 2, skip: 0 }),
  ).toMatchObject({ number: 2 });
  expect(missed({ slot: next(), number: 1, skip: 0 })).toBeUndefined();
});

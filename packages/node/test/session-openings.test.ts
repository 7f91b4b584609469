import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { Response } from "@synod/wire";
import { expect, test } from "vitest";
import { SessionOpenings } from "../src/replica/requests/session-openings.js";
import { SystemCommands } from "../src/replica/system-commands.js";

function start() {
  const clock = { nowMs: 0 };
  const asked: Command[] = [];
  const refused: Response[] = [];
  const openings = new SessionOpenings({
    requests: {
      submit: ([command]) => {
        asked.push(command as Command);
        return { cancel: () => {} };
      },
    },
    commands: new SystemCommands(),
    scheduler: { nowMs: () => clock.nowMs },
    limits: { atOnce: 5, perSecond: 2 },
  });
  const open = (caller: string, times: number) => {
    for (let count = 0; count < times; count++)
      openings.open(caller, 1_000, (response) => refused.push(response));
    return { asked: asked.splice(0).length, refused: refused.splice(0) };
  };
  return { clock, open };
}

test("rule 16: a connection opens some sessions at once, and then so many a second", () => {
  const { clock, open } = start();
  const first = open("greedy", 8);
  expect(first.asked).toBe(5);
  expect(first.refused).toHaveLength(3);
  expect(first.refused[0]).toMatchObject({
    status: grpc.status.RESOURCE_EXHAUSTED,
    outcome: "not-executed",
    slot: 0,
  });
  expect(first.refused[0]?.message).toMatch(/^expected at most 5 .* 2 a second .* try again in 500 ms$/);
  clock.nowMs = 499;
  expect(open("greedy", 1).asked).toBe(0);
  clock.nowMs = 1_500;
  expect(open("greedy", 8).asked).toBe(3);
  clock.nowMs = 1e9;
  expect(open("greedy", 8).asked).toBe(5);
});

test("rule 16: what one connection opens is not counted against another", () => {
  const { open } = start();
  open("greedy", 100);
  expect(open("other", 5).asked).toBe(5);
});

test("connections that come and go are not remembered for ever, and one that just opened its share is", () => {
  const { clock, open } = start();
  for (let index = 0; index < 1_024; index++) open(`c${index}`, 1);
  clock.nowMs = 1_000;
  expect(open("greedy", 9).asked).toBe(5);
  for (let index = 0; index < 1_024; index++) open(`d${index}`, 1);
  expect(open("greedy", 1).asked).toBe(0);
});

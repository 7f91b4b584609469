import { timeLimits } from "@synod/state-machine";
import { expect, test } from "vitest";
import { LogClock } from "../src/replica/log-time/log-clock.js";
import { advanceAfterMs, advanceCheckMs, LogTimeMover } from "../src/replica/log-time/log-time-mover.js";
import { SystemCommands } from "../src/replica/system-commands.js";

const begunMs = 5_000;
const dueMs = begunMs + 300;

/** Replicas whose clocks are sure and agree, and for whom one thing is scheduled. */
function group(replicas: number) {
  let nowMs = 0;
  const logTime = { resumeMs: begunMs, catchUpMs: begunMs, timedSlot: 1 };
  const engine = { logTime, nextDue: { resumeMs: dueMs, catchUpMs: undefined } };
  const proposedAtMs: (number | undefined)[] = Array.from({ length: replicas }, () => undefined);
  const proposals: number[] = [];
  const movers = proposedAtMs.map((_, position) => {
    const monotonicMs = () => nowMs;
    const clock = new LogClock({ time: logTime, appliedSlot: 1, alone: () => true, monotonicMs });
    return new LogTimeMover({
      ...{ engine, clock, position: () => position, held: () => false, inDoubt: () => {} },
      commands: new SystemCommands(),
      propose: () => {
        proposedAtMs[position] ??= nowMs;
        proposals.push(nowMs);
      },
    });
  });
  const passes = (ms: number) => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; ) {
      nowMs += advanceCheckMs;
      for (const mover of movers) mover.tick(false);
    }
  };
  return { movers, proposedAtMs, proposals, passes, engine };
}

test("what is due is proposed by the first replica at once, by the others later by their place, within one step (rule 35)", () => {
  const { proposedAtMs, passes } = group(9);
  passes(dueMs - begunMs - advanceCheckMs);
  expect(proposedAtMs.every((ms) => ms === undefined)).toBe(true);
  passes(advanceCheckMs + timeLimits.maxStepMs);
  const [first, ...others] = proposedAtMs.map((ms = Number.NaN) => ms - (dueMs - begunMs));
  expect(first).toBe(0);
  expect(others).toEqual(
    others.map((_, index) => Math.ceil(advanceAfterMs(index + 1) / advanceCheckMs) * advanceCheckMs),
  );
  expect([others.at(0), others.at(-1)]).toEqual([20, 160]);
});

test("a doubt for which clients wait is told though no leader is known to lead, once, and nothing else is (rule 35)", () => {
  let nowMs = 0;
  const logTime = { resumeMs: begunMs, catchUpMs: begunMs, timedSlot: 1 };
  const clock = new LogClock({ time: logTime, appliedSlot: 1, alone: () => false, monotonicMs: () => nowMs });
  const engine = { logTime, nextDue: { resumeMs: dueMs, catchUpMs: undefined } };
  let [held, proposed] = [false, 0];
  const mover = new LogTimeMover({
    ...{ engine, clock, position: () => 0, held: () => held, inDoubt: () => {} },
    commands: new SystemCommands(),
    propose: () => {
      clock.say();
      proposed++;
    },
  });
  const passes = (ms: number) => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += advanceCheckMs) mover.tick(true);
  };
  passes(900);
  expect(proposed).toBe(0);
  held = true;
  passes(80);
  expect(proposed).toBe(1);
});

test("the others propose nothing once what was due is done (rule 35)", () => {
  const { movers, proposedAtMs, passes, engine } = group(3);
  passes(dueMs - begunMs);
  engine.logTime = { resumeMs: dueMs, catchUpMs: dueMs, timedSlot: 2 };
  engine.nextDue = { resumeMs: dueMs + 60_000, catchUpMs: undefined };
  for (const [position, mover] of movers.entries())
    mover.applied(2, { kind: "batch", commands: [], logTimeMs: dueMs }, position === 0);
  passes(timeLimits.maxStepMs * 2);
  expect(proposedAtMs).toEqual([dueMs - begunMs, undefined, undefined]);
});

test("what was proposed before another state took this one's place is not waited for (rules 29 and 35)", () => {
  const { movers, passes, engine, proposals } = group(1);
  passes(400 + 7_000);
  // At once, and after waits of two and of four seconds.
  expect(proposals).toHaveLength(3);
  movers[0]?.applied(2, undefined, false);
  engine.logTime = { ...engine.logTime, timedSlot: 2 };
  passes(500);
  expect(proposals).toHaveLength(4);
});

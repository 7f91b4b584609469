import type { ReplicaState } from "@synod/core";
import { expect, test } from "vitest";
import { ReplicaCondition, type ReplicaConditionOptions } from "../src/replica/replica-condition.js";

const refused = "r2: belongs to cluster c2, and cluster c1 was meant";
const below = "100 slots below what acceptors keep: catching up from another replica";

function condition({ trimmedBelow = 0, beginning = "", halted = "" }): ReplicaCondition {
  const role = { leader: "l1", unreachable: [], slotOut: 1, highestKnown: 110, trimmedBelow };
  return new ReplicaCondition({
    genesis: { configuration: { acceptors: [{ id: "a1" }] } },
    engine: { configurations: [], unjudged: undefined },
    performer: { halted: halted === "" ? undefined : { reason: halted } },
    reporter: { introduced: true },
    catchUp: { beginning, problems: [refused], progress: undefined },
    role: () => role as unknown as ReplicaState,
    links: () => [],
  } as unknown as ReplicaConditionOptions);
}

test("the lag of a replica is told with what keeps others from helping it, as its problem too", () => {
  const lags = condition({ trimmedBelow: 101 });
  expect(lags.lag).toBe(`${below}; ${refused}`);
  expect(lags.problem).toBe(lags.lag);
  expect(lags.obstacle).toBe("");
});

test("one that does not know yet up to where it may execute lags, too", () => {
  const begins = condition({ beginning: "asks the other replicas", halted: "waits before slot 7" });
  expect(begins.lag).toBe(`asks the other replicas; ${refused}`);
  expect(begins.problem).toBe(begins.lag);
});

test("one that has stopped says that in place of its lag", () => {
  expect(condition({ trimmedBelow: 101, halted: "waits before slot 7" }).problem).toBe("waits before slot 7");
});

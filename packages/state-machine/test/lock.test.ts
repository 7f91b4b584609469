import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { lockLimits, timeLimits } from "../src/index.js";
import { encoded, World } from "./support.js";

const service = "synod.lock.v1.Lock";

class Locks extends World {
  acquire(owner: string, { wait = true, ttlMs = "10000", name = "l" } = {}) {
    return this.call(service, "Acquire", { name, owner, ttlMs, wait });
  }

  renew(fencingToken: string, ttlMs = "10000") {
    return this.call(service, "Renew", { name: "l", fencingToken, ttlMs });
  }

  release(fencingToken: string) {
    return this.call(service, "Release", { name: "l", fencingToken }).released;
  }

  get(name = "l") {
    return this.call(service, "Get", { name });
  }

  get holder(): string {
    return this.get().owner;
  }
}

describe("synod.lock.v1.Lock", () => {
  it("is held by one owner, who is told the same again when asking again", () => {
    const locks = new Locks();
    const first = locks.acquire("a");
    expect(first).toMatchObject({ acquired: true, ahead: 0 });
    expect(locks.acquire("a")).toEqual(first);
    expect(locks.acquire("b", { wait: false })).toEqual({
      acquired: false,
      fencingToken: "0",
      expiresAtMs: "0",
      ahead: 0,
    });
    expect(locks.get()).toEqual({
      held: true,
      owner: "a",
      fencingToken: first.fencingToken,
      expiresAtMs: first.expiresAtMs,
      waiting: [],
    });
    expect(locks.get("another")).toMatchObject({ held: false });
  });

  it("goes to those who wait in the order of asking, with tokens that grow", () => {
    const locks = new Locks();
    const tokens = ["a", "b", "c", "d"].map((owner) => locks.acquire(owner).fencingToken);
    expect(locks.acquire("c")).toMatchObject({ acquired: false, fencingToken: tokens[2], ahead: 1 });
    expect(locks.get().waiting).toEqual(["b", "c", "d"]);
    expect(locks.release(tokens[2])).toBe(true);
    const held: string[] = [];
    for (const token of [tokens[0], tokens[1], tokens[3]]) {
      held.push(locks.holder);
      expect(locks.get().fencingToken).toBe(token);
      expect(locks.release(token)).toBe(true);
    }
    expect(held).toEqual(["a", "b", "d"]);
    expect(locks.get().held).toBe(false);
    expect(BigInt(locks.acquire("e").fencingToken)).toBeGreaterThan(BigInt(tokens[3]));
  });

  it("expires when log time has passed its time to live and the step it may run ahead, not before, and goes to the next", () => {
    const locks = new Locks();
    const { fencingToken } = locks.acquire("a", { ttlMs: "10000" });
    locks.acquire("b", { ttlMs: "3000" });
    locks.advance(10_000 + timeLimits.maxStepMs - 1);
    expect(locks.holder).toBe("a");
    locks.advance(1);
    expect(locks.holder).toBe("b");
    expect(locks.renew(fencingToken)).toMatchObject({ status: Status.failedPrecondition });
    expect(locks.release(fencingToken)).toBe(false);
    locks.advance(3_000 + timeLimits.maxStepMs);
    expect(locks.get().held).toBe(false);
    expect(locks.engine.nextDue.resumeMs).toBeUndefined();
  });

  it("lives on when renewed, also by a batch whose own time would have ended it", () => {
    const locks = new Locks();
    const { fencingToken } = locks.acquire("a", { ttlMs: "2000" });
    locks.advance(2_000 + timeLimits.maxStepMs - 100);
    const renewal = locks.command(service, "Renew", { name: "l", fencingToken, ttlMs: "2000" });
    const [answer] = locks.batch([renewal], locks.engine.logTimeMs + 200);
    expect(answer?.status).toBe(Status.ok);
    expect(locks.holder).toBe("a");
    locks.advance(2_000 + timeLimits.maxStepMs - 1);
    expect(locks.holder).toBe("a");
    locks.advance(1);
    expect(locks.get().held).toBe(false);
  });

  it("says in the detail of a failed renewal who holds, and keeps the wait queue as it was", () => {
    const locks = new Locks();
    const { fencingToken } = locks.acquire("a");
    const failed = locks.renew("999999");
    expect(failed.message).toContain("999999");
    expect(Buffer.from(failed.details).toString("latin1")).toContain("synod.lock.v1.NotHeld");
    expect(locks.get().fencingToken).toBe(fencingToken);
  });

  it("does not expire early because many proposals were under way when it was granted", () => {
    const locks = new Locks();
    locks.apply(locks.command(service, "Get", { name: "l" }));
    const { appliedSlot, logTimeMs: appliedLogTimeMs } = locks.engine;
    locks.acquire("a", { ttlMs: "2000" });
    for (const saidMs of [3_600_000, -3_600_000, 3_700_000, 3_800_000]) {
      const logTimeMs = Math.max(0, appliedLogTimeMs + saidMs);
      const said = { logTimeMs, appliedSlot, appliedLogTimeMs };
      locks.engine.apply(locks.engine.appliedSlot + 1, { kind: "batch", commands: [], ...said });
      expect(locks.holder).toBe("a");
    }
    locks.advance(2_000 - 1);
    expect(locks.holder).toBe("a");
  });

  it.each([
    ["Acquire", { name: "", owner: "a", ttlMs: "2000" }, "name"],
    ["Acquire", { name: "x".repeat(257), owner: "a", ttlMs: "2000" }, "name"],
    ["Acquire", { name: "l", owner: "", ttlMs: "2000" }, "owner"],
    ["Acquire", { name: "l", owner: "a", ttlMs: "1999" }, "ttl_ms"],
    ["Acquire", { name: "l", owner: "a", ttlMs: String(lockLimits.maxTtlMs + 1) }, "ttl_ms"],
    ["Renew", { name: "l", fencingToken: "0", ttlMs: "2000" }, "fencing_token"],
    ["Renew", { name: "l", fencingToken: "1", ttlMs: "0" }, "ttl_ms"],
    ["Release", { name: "l", fencingToken: String(2n ** 63n) }, "fencing_token"],
    ["Get", { name: "" }, "name"],
  ])("says what is wrong with %s %j", (method, request, field) => {
    const problem = new Locks().engine.validate(service, method, encoded(service, method, request));
    expect(problem).toMatchObject({
      status: Status.invalidArgument,
      message: expect.stringContaining(field),
    });
  });

  it("never has two holders, and tokens that only grow, whatever is asked and however time goes", () => {
    const owner = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("acquire" as const), owner, wait: fc.boolean() }),
      fc.record({ kind: fc.constant("release" as const), owner }),
      fc.record({ kind: fc.constant("renew" as const), owner }),
      fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 2_500 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const locks = new Locks();
        const tokens = new Map<string, string>();
        let highest = 0n;
        let held = "0";
        for (const each of steps) {
          if (each.kind === "acquire")
            tokens.set(
              each.owner,
              locks.acquire(each.owner, { wait: each.wait, ttlMs: "2000" }).fencingToken,
            );
          else if (each.kind === "advance") locks.advance(each.ms);
          else {
            const token = tokens.get(each.owner) ?? "0";
            if (token !== "0" && each.kind === "release") locks.release(token);
            else if (token !== "0") locks.renew(token, "2000");
          }
          const now = locks.get();
          if (!now.held || now.fencingToken === held) continue;
          held = now.fencingToken;
          expect(BigInt(held)).toBeGreaterThan(highest);
          highest = BigInt(held);
        }
        expect(locks.errors).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

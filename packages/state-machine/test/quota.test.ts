import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { scheduledIn } from "../src/engine/due.js";
import { EngineTransaction, serviceSpace } from "../src/engine/transaction.js";
import { defaultQuotaBytes, encodeSaid, setQuotaMethod, systemService } from "../src/index.js";
import { TestMap, World } from "./support.js";

const kv = "synod.kv.v1.KeyValue";

function setQuota(world: World, bytes: number): void {
  const command = { clientId: "nonce", sequence: 1, acknowledged: 0, service: systemService };
  const [answer] = world.batch([{ ...command, method: setQuotaMethod, request: encodeSaid({ bytes }) }]);
  expect(answer?.status).toBe(Status.ok);
}

/** The bytes that the tables really hold, and what waits for log time. */
function stored(world: World): number {
  let bytes = 0;
  const counted = [
    { from: Buffer.from("d"), until: Buffer.from("g") },
    { from: Buffer.from("t"), until: Buffer.from("u") },
  ];
  for (const range of counted)
    for (const [key, value] of world.map.range(range)) bytes += key.length + value.length;
  return bytes;
}

/** Locks wait for log time, which passes in the step "pass". */
function perform(world: World, method: string, name: string, length: number): { status?: number } {
  if (method === "pass") {
    world.advance(length);
    return {};
  }
  if (method === "Acquire") {
    const request = { name, owner: "o".repeat(length % 200), ttlMs: String(2_000 + length), wait: false };
    return world.call("synod.lock.v1.Lock", method, request);
  }
  return world.call(kv, method, method === "Delete" ? { key: name } : { key: name, value: value(length) });
}

const value = (length: number) => Buffer.alloc(length, 1);

describe("the quota of the state", () => {
  it("is large until another is decided, and both are there after a restart", () => {
    const world = new World();
    expect(world.engine.system.quotaBytes).toBe(defaultQuotaBytes);
    world.kv("Put", { key: "k", value: value(100) });
    setQuota(world, 5_000);
    const restarted = world.engineOver(world.map);
    expect(restarted.system.quotaBytes).toBe(5_000);
    expect(restarted.stateBytes).toBe(stored(world));
  });

  it("refuses growth beyond it, and nothing else; deleting clears it", () => {
    const world = new World();
    setQuota(world, 1_000);
    world.kv("Put", { key: "a", value: value(600) });
    const refused = world.kv("Put", { key: "b", value: value(600) });
    expect(refused).toMatchObject({ status: Status.resourceExhausted });
    expect(refused.message).toMatch(
      /stored \d+ bytes of at most 1000, and this would add \d+; delete something/,
    );
    expect(world.kv("Put", { key: "a", value: value(500) }).status).toBeUndefined();
    expect(world.kv("Append", { key: "a", value: value(700) })).toMatchObject({
      status: Status.resourceExhausted,
    });
    expect(world.kv("Get", { key: "a" }).value).toHaveLength(500);
    world.kv("Delete", { key: "a" });
    expect(world.kv("Put", { key: "b", value: value(600) }).status).toBeUndefined();
  });

  it("may be set below what is stored: what is there stays, and may shrink", () => {
    const world = new World();
    world.kv("Put", { key: "a", value: value(600) });
    setQuota(world, 10);
    expect(world.kv("Put", { key: "a", value: value(600) }).status).toBeUndefined();
    expect(world.kv("Put", { key: "a", value: value(601) })).toMatchObject({
      status: Status.resourceExhausted,
    });
    expect(world.kv("Put", { key: "a", value: value(100) }).status).toBeUndefined();
    setQuota(world, 10_000);
    expect(world.kv("Put", { key: "a", value: value(700) }).status).toBeUndefined();
  });

  it("counts scheduled commands, until they have run", () => {
    const world = new World();
    setQuota(world, 300);
    const acquire = (name: string) => perform(world, "Acquire", name, 100);
    expect(acquire("a").status).toBeUndefined();
    expect(acquire("b")).toMatchObject({ status: Status.resourceExhausted });
    world.advance(10_000);
    expect(acquire("b").status).toBeUndefined();
  });

  it("counts exactly what the tables hold, whatever is done", () => {
    const key = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ method: fc.constantFrom("Put", "Append"), key, length: fc.nat(300) }),
      fc.record({ method: fc.constant("Delete"), key, length: fc.constant(0) }),
      fc.record({ method: fc.constantFrom("Acquire", "pass"), key, length: fc.nat(5_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        setQuota(world, 900);
        for (const { method, key: name, length } of steps) {
          const before = stored(world);
          const { status } = perform(world, method, name, length);
          expect(world.engine.stateBytes).toBe(stored(world));
          if (status === Status.resourceExhausted) expect(stored(world)).toBe(before);
          else if (stored(world) > before) expect(stored(world)).toBeLessThanOrEqual(900);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("the number of commands that wait", () => {
  it("is what waits in the state, whatever schedules commands, moves them, and takes them back", () => {
    const id = fc.constantFrom("", "a", "b", "c");
    const step = fc.record({ id, atMs: fc.nat(3), takesBack: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 6 }), (commands) => {
        const map = new TestMap();
        let waiting = 0;
        for (const [slot, steps] of commands.entries()) {
          const tx = new EngineTransaction(map, serviceSpace("test.v1.Test"), true, waiting);
          const scheduling = { method: "Do", request: new Uint8Array(1) };
          for (const { id, atMs, takesBack } of steps) {
            if (takesBack) tx.unschedule(id);
            else tx.schedule({ ...scheduling, atMs, id }, "resume", { slot, index: 0 });
          }
          for (const { key, value } of tx.pending)
            if (value === undefined) map.delete(key);
            else map.put(key, value);
          waiting += tx.scheduled;
          expect(waiting).toBe([...scheduledIn(map)].length);
        }
      }),
    );
  });
});

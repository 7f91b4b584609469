// Worlds with one kind of trouble, or none. They are many, so they do not wait for the other seeds.
import { describe, expect, it } from "vitest";
import { simulate } from "../src/index.js";
import { simulatedLimits } from "../src/options.js";
import { kept, only } from "./kept.js";

const seeds = Array.from({ length: 16 }, (_, index) => index + 1);

describe("the real core, codec and services in a world of its own kind", () => {
  it("rule 11: a command is executed where one leader, its replica and a majority can talk, however the rest is cut", async () => {
    for (const seed of seeds.slice(0, 8)) await kept({ seed, overrides: { star: true } });
  });

  it("processes that tick ten times more slowly and long pauses harm nobody", async () => {
    const overrides = {
      acceptors: 5,
      slow: 0.3,
      spareAcceptors: 0,
      reconfigure: 0,
      faults: only({ pause: 30 }),
    };
    for (const seed of seeds.slice(0, 8)) await kept({ seed, overrides });
  });

  it("rule 35: log time keeps up while nobody asks anything, whoever was away and is asked first, and silence costs no slot", async () => {
    const overrides = {
      star: false,
      slow: 0,
      spareAcceptors: 0,
      reconfigure: 0,
      faultyTicks: 200,
      idleTicks: 1_200,
    };
    for (const seed of seeds.slice(0, 3)) await kept({ seed, overrides });
    await kept({ seed: 2, overrides: { ...overrides, streams: false, replicas: 3, idleAbsence: "links" } });
  });

  it("rule 19: a transfer that breaks again and again is gone on with, and whoever gives a state keeps the log behind it", async () => {
    // A replica loses its directory, and all but the newest slots are trimmed; a snapshot takes many pages.
    const overrides = {
      ...{ replicas: 3, star: false, streams: false, reconfigure: 0, spareAcceptors: 0, upgrades: false },
      ...{ keptLog: 2, reportHaste: 5, flush: 0.3, trimLoss: 0, deafAcceptor: false, plainCalls: 0 },
      ...{ faultyTicks: 400, calmTicks: 1_500, pageBytes: 128, interruptions: 0.3 },
      faults: only({ "lost directory of a replica": 10 }),
    };
    const { counts } = await kept({ seed: 1, overrides });
    expect(counts["catch-up lost"]).toBeGreaterThan(20);
  });

  it("rule 12: replicas that take turns with heavy commands, and rest from them, execute every one of them", async () => {
    // Commands that write or read several rows are heavy, and each takes its time.
    const overrides = { handlerMs: 50, slotBytes: 64_000, star: false };
    for (const seed of [1, 2]) await kept({ seed, overrides });
  });

  it("rule 33: commands that end processes are skipped by all replicas or executed by all, and nobody waits for ever", async () => {
    const overrides = {
      ...{ remedies: true, upgrades: false, engines: false },
      ...{ backups: false, streams: false, plainCalls: 0, quietEnd: false },
    };
    for (const seed of [1, 3, 27]) await kept({ seed, overrides });
  });

  it("rule 33: what a replica was given while it looked ahead comes again behind a state that it takes in", async () => {
    const overrides = {
      ...{ replicas: 5, leaders: 2, acceptors: 3, spareAcceptors: 0, reconfigure: 0, clients: 3, window: 8 },
      ...{ remedies: true, upgrades: false, engines: false, backups: false, streams: false, plainCalls: 0 },
      ...{ faults: only({}), loss: 0, duplication: 0, star: false, slow: 0, drift: 0, quietEnd: true },
      ...{ faultyTicks: 500, request: 0.1, maxSessions: 100, sync: 1, flush: 0.1 },
      // Leaders and replicas let go of what was decided before a late decision is missed.
      delay: "long-tailed",
      ...{ maxDelay: 30, keptLog: 1, reportHaste: 20, trimLoss: 0, deafAcceptor: false },
      limits: {
        ...simulatedLimits,
        ...{ heartbeatTicks: 3, resendTicks: 40, reproposeTicks: 60, questionTicks: 30 },
        ...{ maxKeptDecisions: 1, maxKeptBytes: 1_000_000, maxAnswerSlots: 100 },
      },
    } as const;
    await kept({ seed: 64, overrides });
  });

  it("rule 29: over links of 50 kB/s everything waiting finishes, and no stream carries a pvalue twice", async () => {
    const overrides = {
      streams: true,
      spareAcceptors: 0,
      reconfigure: 0,
      bandwidth: 1_000,
      calmTicks: 3_000,
    };
    const { counts } = await kept({ seed: 88, overrides });
    expect(counts["pvalue sent"]).toBeGreaterThan(100);
    expect(counts["pvalue sent again"]).toBeUndefined();
  });

  it("rule 29: so it is where the disks of acceptors take 800 ms", async () => {
    const overrides = {
      ...{ streams: true, spareAcceptors: 0, reconfigure: 0, sync: 1 / 40, star: false, remedies: false },
      ...{ faults: only({ reset: 3, "crash leader": 3 }), quietEnd: false, backups: false },
    };
    const { counts } = await kept({ seed: 5, overrides });
    expect(counts["pvalue sent"]).toBeGreaterThan(100);
    expect(counts["pvalue sent again"]).toBeUndefined();
  });

  it("without faults a slot carries one proposal, and no proposal takes two", async () => {
    const overrides = {
      loss: 0,
      duplication: 0,
      sync: 1,
      delay: "even",
      maxDelay: 1,
      slow: 0,
      faults: only({}),
      remedies: false, // where some commands end processes
    } as const;
    for (const seed of seeds.slice(0, 8))
      expect((await kept({ seed, overrides })).counts["slots with a repeated proposal"], `seed ${seed}`).toBe(
        0,
      );
  });

  it("rule 12: calls that wait until their replica has a session of its own are bounded in bytes", async () => {
    const limits = { ...simulatedLimits, maxQueuedBytes: 1_000, maxBatchBytes: 200 };
    const world = { plainCalls: 1, streams: false, star: false, leaders: 1, faultyTicks: 300, limits };
    await kept({ seed: 3, overrides: { ...world, faults: only({ "crash leader": 20 }) } });
  });

  it("rules 12 and 16: nobody pays for who fills queues, opens sessions without end, or sends what is no command", async () => {
    const overrides = {
      ...{ hostile: 0.3, plainCalls: 0.2, clients: 1, outstanding: 2, faultyTicks: 300, maxSessions: 100 },
      ...{ leaders: 1, replicas: 3, acceptors: 3, spareAcceptors: 0, reconfigure: 0, quietEnd: false },
      ...{ upgrades: false, remedies: false, backups: false, engines: false, streams: false, star: false },
      ...{ faults: only({}), loss: 0, duplication: 0, slow: 0, delay: "even" as const, maxDelay: 2 },
      limits: { ...simulatedLimits, maxQueuedCommands: 60 },
    } as const;
    for (const seed of [1, 2]) {
      const { counts } = await kept({ seed, overrides });
      for (const kind of [
        "greedy client",
        "session opened by a hostile client",
        "malformed command answered",
      ])
        expect(counts[kind], kind).toBeGreaterThan(10);
    }
  });

  it("rule 5: what a rolled-back store forgot is found when it votes on", async () => {
    const faults = only({ "rolled-back copy": 6, "crash leader": 8, crash: 8, partition: 10 });
    const overrides = { acceptors: 3, faults, rollBackUncured: true };
    let found = false;
    for (const seed of seeds) found ||= (await simulate({ seed, overrides })).failure !== undefined;
    expect(found).toBe(true);
  });
});

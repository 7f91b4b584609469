import { type Random, randomBelow, seededRandom } from "@synod/core";
import { advanced, type LogTimeState, type SaidTime, timeLimits } from "@synod/state-machine";
import { describe, expect, it } from "vitest";
import { LogClock, logClockLimits } from "../src/replica/log-time/log-clock.js";

const begunMs = 5_000;
const begun: LogTimeState = { resumeMs: begunMs, catchUpMs: begunMs, timedSlot: 1 };

/** One replica's clocks, and the log as it has applied it. */
class Machine {
  monotonicMs = 1_000;
  wallMs = 1_700_000_000_000;
  readonly clock: LogClock;
  time: LogTimeState;
  slot: number;

  constructor(time = begun, { alone = false, slot = 1 } = {}) {
    this.time = time;
    this.slot = slot;
    const [monotonicMs, wallMs] = [() => this.monotonicMs, () => this.wallMs];
    this.clock = new LogClock({ time, appliedSlot: slot, alone: () => alone, monotonicMs, wallMs });
  }

  /** The next slot, decided from here. */
  applies(said: SaidTime, { own = false, timed = true } = {}): void {
    this.slot++;
    this.time = { ...advanced(this.time, this.slot, said), ...(timed ? { timedSlot: this.slot } : {}) };
    this.clock.applied({ slot: this.slot, time: this.time, said, own });
  }

  passes(ms: number, obstacle = false): void {
    for (const until = this.monotonicMs + ms; this.monotonicMs < until; this.clock.tick(obstacle))
      this.monotonicMs = Math.min(until, this.monotonicMs + 20);
  }

  get said(): number {
    return this.clock.say().logTimeMs;
  }

  /** Nobody objects to what it says. */
  becomesSure(): this {
    this.applies(this.clock.say(), { own: true, timed: false });
    this.passes(logClockLimits.patienceMs);
    expect(this.clock.sure).toBe(true);
    return this;
  }
}

describe("a replica's log clock", () => {
  it("begins with the wall clock, and never asks it again", () => {
    const machine = new Machine({ resumeMs: 0, catchUpMs: 0, timedSlot: 0 }, { slot: 0 });
    expect(machine.clock.say()).toMatchObject({ logTimeMs: machine.wallMs, beginsLogTime: true });
    machine.applies({ logTimeMs: 5_000, appliedSlot: 0, doubt: 0 });
    expect(machine.clock.say().beginsLogTime).toBeUndefined();
    machine.wallMs += 3_600_000;
    expect(machine.said).toBe(5_000);
    machine.wallMs -= 7_200_000;
    machine.passes(50);
    expect(machine.said).toBe(5_050);
  });

  it("counts whole what passes while nothing is decided (rule 35)", () => {
    const machine = new Machine();
    machine.monotonicMs += 120.7;
    expect(machine.said).toBe(begunMs + 120);
    machine.passes(600_000);
    expect(machine.said).toBe(begunMs + 600_120);
    machine.applies(machine.clock.say(), { own: true });
    expect(machine.said).toBe(begunMs + 600_120);
  });

  it("loses nothing to the way through the log below a step, and beyond it what began meanwhile might lose", () => {
    const machine = new Machine();
    for (let round = 1; round <= 20; round++) {
      const said = machine.clock.say();
      machine.passes(timeLimits.maxStepMs);
      machine.applies(said, { own: true });
    }
    expect(machine.said).toBe(begunMs + 20 * timeLimits.maxStepMs);
    const held = machine.clock.say();
    machine.passes(950);
    machine.applies(held, { own: true });
    expect(machine.said).toBe(held.logTimeMs + timeLimits.maxStepMs);
  });

  it("loses nothing to a slot in which no span of time can begin, however late", () => {
    const machine = new Machine();
    const said = machine.clock.say();
    machine.passes(950);
    machine.applies(said, { own: true, timed: false });
    expect(machine.said).toBe(begunMs + 950);
  });

  it("follows log time that another moved further", () => {
    const machine = new Machine();
    machine.applies({ logTimeMs: 8_000, appliedSlot: 1, appliedLogTimeMs: begunMs });
    machine.passes(100);
    expect(machine.said).toBe(8_100);
  });

  it("does not count a standstill, but for services that catch up; what a change of leaders takes it does", () => {
    const machine = new Machine();
    machine.passes(logClockLimits.standstillMs, true);
    machine.passes(20);
    expect(machine.clock.say()).toMatchObject({
      logTimeMs: begunMs + logClockLimits.standstillMs + 20,
      standstillMs: 0,
    });
    machine.passes(30_000, true);
    expect(machine.clock.doubt).toMatchObject({ number: 2, reason: "away" });
    const during = machine.clock.say();
    machine.passes(20);
    const after = machine.clock.say();
    for (const { logTimeMs, standstillMs = 0 } of [during, after]) {
      expect(logTimeMs).toBeLessThanOrEqual(begunMs + logClockLimits.standstillMs + 60);
      expect(logTimeMs + standstillMs).toBeGreaterThanOrEqual(begunMs + logClockLimits.standstillMs + 30_000);
    }
    expect(machine.clock.doubt).toMatchObject({ number: 3, reason: "away" });
  });

  it("takes for no standstill a time in which something is decided and comes to it", () => {
    const machine = new Machine().becomesSure();
    for (let round = 0; round < 5; round++) {
      machine.passes(0.8 * logClockLimits.standstillMs, true);
      machine.applies({ logTimeMs: machine.said, appliedSlot: machine.slot }, { timed: false });
    }
    expect(machine.clock.sure).toBe(true);
    expect(machine.said).toBeGreaterThanOrEqual(begunMs + 4 * logClockLimits.standstillMs);
  });

  it("is in doubt after a standstill whatever became of its doubt meanwhile", () => {
    const machine = new Machine().becomesSure();
    machine.passes(2 * logClockLimits.standstillMs, true);
    machine.applies(machine.clock.say(), { own: true, timed: false });
    machine.passes(30_000, true);
    machine.passes(20);
    expect(machine.clock.sure).toBe(false);
  });

  it("starts anew from the state that a snapshot brought, in doubt", () => {
    const machine = new Machine().becomesSure();
    machine.passes(60_000);
    machine.clock.applied({ slot: 90, time: { ...begun, resumeMs: 9_000, catchUpMs: 9_500 }, own: false });
    expect(machine.clock.say()).toMatchObject({ logTimeMs: 9_000, standstillMs: 500 });
    expect(machine.clock.doubt).toMatchObject({ reason: "away" });
  });
});

describe("a doubtful clock", () => {
  it("is none where there is no other replica, and where log time began with it", () => {
    expect(new Machine(begun, { alone: true }).clock.sure).toBe(true);
    const machine = new Machine({ resumeMs: 0, catchUpMs: 0, timedSlot: 0 }, { slot: 0 });
    expect(machine.clock.sure).toBe(false);
    machine.applies(machine.clock.say(), { own: true, timed: false });
    expect(machine.clock.sure).toBe(true);
  });

  it("becomes sure when nobody has objected for a while, counted from when they heard of it", () => {
    const machine = new Machine();
    machine.passes(10_000);
    expect(machine.clock.sure).toBe(false);
    expect(machine.clock.untoldSinceMs).toBe(1_000);
    const said = machine.clock.say();
    expect(said.doubt).toBe(1);
    expect(machine.clock.untoldSinceMs).toBeUndefined();
    machine.passes(logClockLimits.lateMs);
    machine.applies(said, { own: true, timed: false });
    machine.passes(logClockLimits.patienceMs - 20);
    expect(machine.clock.sure).toBe(false);
    machine.passes(20);
    expect(machine.clock.sure).toBe(true);
    expect(machine.clock.say().doubt).toBe(0);
  });

  it("says anew what came back late, and so what others said after it, twice at most", () => {
    const machine = new Machine();
    for (const number of [1, 2]) {
      const word = machine.clock.say();
      machine.passes(logClockLimits.lateMs + 20);
      machine.applies(word, { own: true, timed: false });
      machine.applies({ ...word, appliedSlot: machine.slot, doubt: 0 }, { timed: false });
      expect(machine.clock.doubt).toMatchObject({ number: number + 1, reason: "late" });
      expect(machine.clock.untoldSinceMs).toBe(machine.monotonicMs);
    }
    const word = machine.clock.say();
    machine.passes(10_000);
    machine.applies(word, { own: true, timed: false });
    machine.applies({ ...word, appliedSlot: machine.slot, doubt: 0 }, { timed: false });
    expect(machine.clock.sure).toBe(true);
  });

  it("becomes sure at the word of one who is sure and has heard of it, and of nobody else", () => {
    const word = { logTimeMs: 9_000, appliedLogTimeMs: begunMs };
    const told = () => {
      const machine = new Machine();
      machine.applies(machine.clock.say(), { own: true, timed: false });
      return machine;
    };
    for (const [said, sure] of [
      [{ ...word, appliedSlot: 2 }, true],
      [{ ...word, appliedSlot: 1 }, false],
      [{ ...word, appliedSlot: 2, doubt: 1 }, false],
    ] as const) {
      const machine = told();
      machine.applies(said, { timed: false });
      expect(machine.clock.sure).toBe(sure);
      expect(machine.said).toBe(9_000);
    }
  });

  it("is asked by another's for what it knows when it knows of more time, and once", () => {
    const machine = new Machine().becomesSure();
    const doubtful = { logTimeMs: 0, appliedSlot: machine.slot, doubt: 1 };
    machine.passes(5_000);
    machine.applies({ ...doubtful, logTimeMs: machine.said }, { timed: false });
    expect(machine.clock.askedSinceMs).toBeUndefined();
    machine.passes(5_000);
    machine.applies({ ...doubtful, logTimeMs: machine.said - 1_000 }, { timed: false });
    expect(machine.clock.askedSinceMs).toBe(machine.monotonicMs);
    machine.applies(machine.clock.say(), { own: true, timed: false });
    expect(machine.clock.askedSinceMs).toBeUndefined();
  });

  it("comes back when its process was paused: a standstill, unless another knows better", () => {
    for (const first of ["a tick", "a slot"]) {
      const machine = new Machine().becomesSure();
      const { said } = machine;
      machine.monotonicMs += 8_000;
      if (first === "a tick") machine.clock.tick(false);
      else machine.applies({ logTimeMs: said, appliedSlot: machine.slot }, { timed: false });
      expect(machine.clock.doubt).toMatchObject({ reason: "paused" });
      expect(machine.clock.say()).toMatchObject({ logTimeMs: said, standstillMs: 8_000 });
      machine.applies({ logTimeMs: said + 8_000, appliedSlot: machine.slot }, { timed: false });
      expect(machine.said).toBe(said + 8_000);
    }
  });

  it("comes back when its process was paused for less and missed what began meanwhile, and not when it missed nothing", () => {
    const machine = new Machine().becomesSure();
    machine.monotonicMs += 800;
    machine.clock.tick(false);
    const { said } = machine;
    machine.applies({ logTimeMs: said, appliedSlot: machine.slot });
    expect(machine.clock.sure).toBe(true);
    machine.monotonicMs += 800;
    machine.clock.tick(false);
    machine.applies({ logTimeMs: said + 100, appliedSlot: machine.slot });
    expect(machine.clock.doubt).toMatchObject({ reason: "paused" });
  });
});

/** Proposals that wait to be decided, and slots that wait to be applied. */
interface Member {
  readonly clock: LogClock;
  readonly rate: number;
  readonly lagMs: number;
  applied: number;
}

/** Replicas that propose, lag and are late by chance, on one log; and how much time log time took beyond real time. */
class Group {
  readonly #random: Random;
  nowMs = 0;
  readonly #members: Member[] = [];
  #proposals: {
    readonly said: SaidTime;
    readonly from: Member;
    readonly dueMs: number;
    readonly timed: boolean;
  }[] = [];
  readonly #decided: {
    readonly said: SaidTime;
    readonly from: Member;
    readonly time: LogTimeState;
    readonly atMs: number;
  }[] = [];
  time: LogTimeState = { ...begun, timedSlot: 0 };
  #leastLead = Number.POSITIVE_INFINITY;
  mostTakenMs = 0;

  constructor(random: Random, { drift = 0, mostLagMs = 1_500 } = {}) {
    this.#random = random;
    for (let index = 2 + randomBelow(random, 3); index > 0; index--) {
      const rate = 1 - drift * random();
      const monotonicMs = () => 7_000 + this.nowMs * rate;
      const clock = new LogClock({ time: this.time, appliedSlot: 0, alone: () => false, monotonicMs });
      const lagMs = randomBelow(random, 3) === 0 ? 0 : randomBelow(random, mostLagMs);
      this.#members.push({ clock, rate, lagMs, applied: 0 });
    }
  }

  step(ms: number, { asked, mostLateMs }: { asked: number; mostLateMs: number }): void {
    this.nowMs += ms;
    const { nowMs } = this;
    const random = this.#random;
    for (const proposal of this.#proposals.filter(({ dueMs }) => dueMs <= nowMs)) this.#decide(proposal);
    this.#proposals = this.#proposals.filter(({ dueMs }) => dueMs > nowMs);
    for (const member of this.#members) {
      this.#catchUp(member);
      member.clock.tick(false);
      const { sure, untoldSinceMs, askedSinceMs } = member.clock;
      const timed = sure && random() < asked;
      if (!timed && untoldSinceMs === undefined && askedSinceMs === undefined) continue;
      const lateMs = random() < 0.2 ? randomBelow(random, mostLateMs + 1) : randomBelow(random, 20);
      this.#proposals.push({ said: member.clock.say(), from: member, dueMs: nowMs + lateMs, timed });
    }
  }

  #decide({ said, from, timed }: { said: SaidTime; from: Member; timed: boolean }): void {
    const slot = this.#decided.length + 1;
    this.time = { ...advanced(this.time, slot, said), ...(timed ? { timedSlot: slot } : {}) };
    const lead = this.time.resumeMs - this.nowMs;
    this.mostTakenMs = Math.max(this.mostTakenMs, lead - this.#leastLead);
    if (timed) this.#leastLead = Math.min(this.#leastLead, lead);
    this.#decided.push({ said, from, time: this.time, atMs: this.nowMs });
  }

  #catchUp(member: Member): void {
    for (let next = this.#decided[member.applied]; next && next.atMs + member.lagMs <= this.nowMs; ) {
      const { said, from, time } = next;
      member.clock.applied({ slot: ++member.applied, time, said, own: from === member });
      next = this.#decided[member.applied];
    }
  }
}

describe("log time that a group of replicas keeps", () => {
  it("takes at most one step from whatever begins at any slot, however late proposals are and replicas lag", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = seededRandom(seed);
      const group = new Group(random);
      const mostLateMs = randomBelow(random, 1_500);
      for (let step = 0; step < 800; step++)
        group.step(randomBelow(random, 20) * (random() < 0.01 ? 200 : 1), { asked: 0.3, mostLateMs });
      expect(group.mostTakenMs, `seed ${seed}`).toBeLessThanOrEqual(timeLimits.maxStepMs);
    }
  });

  it("keeps up with the fastest clock over idle stretches while proposals take less than a step", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const group = new Group(random, { drift: 0.001, mostLagMs: 60 });
      const step = { asked: 0.05, mostLateMs: 100 };
      for (let stretch = 0; stretch < 10; stretch++) {
        for (let steps = 0; steps < 40; steps++) group.step(20, step);
        // What is under way is decided first.
        for (let steps = 0; steps < 20; steps++) group.step(20, { asked: 0, mostLateMs: 0 });
        for (let steps = randomBelow(random, 300); steps > 0; steps--)
          group.step(400, { asked: 0, mostLateMs: 0 });
      }
      for (let steps = 0; steps < 40; steps++) group.step(20, { ...step, asked: 0.3 });
      const behindMs = begunMs + group.nowMs - group.time.resumeMs;
      expect(behindMs, `seed ${seed}`).toBeLessThanOrEqual(timeLimits.maxStepMs + 0.001 * group.nowMs);
      expect(behindMs, `seed ${seed}`).toBeGreaterThanOrEqual(-timeLimits.maxStepMs);
    }
  });
});

import { performance } from "node:perf_hooks";
import type { LogTimeState, SaidTime } from "@synod/state-machine";
import type { BatchTime } from "@synod/wire";
import { LogLine } from "./log-line.js";

export const logClockLimits = Object.freeze({
  /** Shorter times without a leader or a majority count: one leader takes the place of another meanwhile. */
  standstillMs: 1_000,
  /** A process that did nothing for so long was paused, and may have missed what began meanwhile. */
  stallMs: 500,
  /** The time after a pause in which anything late is laid to it. */
  afterStallMs: 1_000,
  /** Differences below it are the network's. */
  aheadMs: 50,
  /** The time that those who know of more time have for saying so. */
  patienceMs: 300,
  /** A word of this replica's own that took longer to come back was late, and what others said after it may be as old. */
  lateMs: 200,
  /** Words that may be late in one doubt: on slow links all are. */
  mostLate: 2,
});

export interface LogClockOptions {
  /** Log time, and the last slot applied, as the replica's state has them at start. */
  readonly time: LogTimeState;
  readonly appliedSlot: number;
  /** There is no other replica, so nobody can know of more time. */
  alone(): boolean;
  /** In milliseconds. Counts on while the process is paused. */
  readonly monotonicMs?: (() => number) | undefined;
  /** Asked once in a cluster's life, for where log time begins. */
  readonly wallMs?: (() => number) | undefined;
}

/** A slot that was applied, or the last of several that a snapshot jumped over. */
export interface AppliedSlot {
  readonly slot: number;
  /** Log time after it. */
  readonly time: LogTimeState;
  /** Log time as its batch stated it; absent when it had none. */
  readonly said?: SaidTime | undefined;
  /** This process proposed it. */
  readonly own: boolean;
}

/**
 * "away": it could not take part for a while. "paused": its process did nothing for a while. "late": what it said in the doubt
 * before came back late.
 */
export type DoubtReason = "started" | "away" | "paused" | "late";

/** Others may know of more time than this clock does. */
interface Doubt {
  readonly reason: DoubtReason;
  /** Tells apart what was proposed in it from what was proposed in an earlier one. */
  readonly number: number;
  readonly sinceMs: number;
  /** The number of late words before it. */
  readonly late: number;
  /** Since when something is proposed in it, so that others hear of it. */
  saidAtMs: number | undefined;
  /** The slot in which they heard of it, and until when they may object. */
  heard: { readonly slot: number; readonly untilMs: number } | undefined;
}

/** Nothing can be decided. */
interface Standstill {
  /** Its beginning; all time before is accounted for. */
  sinceMs: number;
  /** It has lasted long enough to count as one. */
  proven: boolean;
}

/** Somebody's doubt that this clock can dispel. */
interface Question {
  readonly slot: number;
  readonly sinceMs: number;
  /** This clock is further than log time was in that slot; otherwise it is asked what it knows only if it is sure. */
  readonly ahead: boolean;
}

/**
 * A replica's clock for log time (rules 16 and 35): it counts on by the monotonic clock from the slots applied, so that
 * log time keeps up while nothing is decided. Wall clocks are asked once in a cluster's life, for where log time begins;
 * one that jumps moves nothing.
 *
 * Two things do not count. What a decided slot took beyond one step to be applied (`LogLine`). And a standstill, in which
 * this replica knew that nothing could be decided, or did not run: that counts for services alone that declare "catch up",
 * unless another replica knows better.
 *
 * A clock that has just started, or was away, knows of less time than the others. Were it to stamp a client's command,
 * nobody could count what it does not know of, since a span may have begun there. So it is in doubt at first: it proposes
 * Synod's own commands alone, and those who know of more time answer with it.
 */
export class LogClock {
  readonly #options: LogClockOptions;
  readonly #monotonicMs: () => number;
  readonly #wallMs: () => number;
  #time: LogTimeState;
  #appliedSlot: number;
  #resume: LogLine;
  #catchUp: LogLine;
  #standstill: Standstill | undefined;
  #lastTickMs: number;
  #stalledAtMs = Number.NEGATIVE_INFINITY;
  /** Milliseconds that lines lost while the clock was sure. */
  #lostMs = 0;
  #doubts = 0;
  #doubt: Doubt | undefined;
  #question: Question | undefined;

  constructor(options: LogClockOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#wallMs = options.wallMs ?? (() => Date.now());
    this.#time = options.time;
    this.#appliedSlot = options.appliedSlot;
    const nowMs = this.#monotonicMs();
    this.#lastTickMs = nowMs;
    this.#resume = new LogLine(nowMs, options.time.resumeMs);
    this.#catchUp = new LogLine(nowMs, options.time.catchUpMs);
    this.#beginDoubt("started");
  }

  get nowMs(): number {
    return this.#monotonicMs();
  }

  /** Clients' commands may be proposed. */
  get sure(): boolean {
    return this.#doubt === undefined;
  }

  /** The doubt that it is in: a number of its own for each. */
  get doubt(): Pick<Doubt, "number" | "reason"> | undefined {
    return this.#doubt;
  }

  /** Since when it is in a doubt of which the others have not heard. */
  get untoldSinceMs(): number | undefined {
    return this.#doubt?.saidAtMs === undefined ? this.#doubt?.sinceMs : undefined;
  }

  /** Since when somebody waits for what this clock knows. */
  get askedSinceMs(): number | undefined {
    if (this.#question === undefined) return undefined;
    return this.#question.ahead || this.sure ? this.#question.sinceMs : undefined;
  }

  /** Log time now. */
  get time(): { readonly resumeMs: number; readonly catchUpMs: number } {
    const nowMs = this.#monotonicMs();
    const skippedMs = this.#skippedMs(nowMs);
    return {
      resumeMs: Math.max(this.#time.resumeMs, this.#resume.logTimeAt(nowMs - skippedMs)),
      catchUpMs: Math.max(this.#time.catchUpMs, this.#catchUp.logTimeAt(nowMs)),
    };
  }

  /** The times that a batch proposed now states. */
  say(): BatchTime {
    const { resumeMs, catchUpMs } = this.#time;
    const doubt = this.#doubt?.number ?? 0;
    if (this.#doubt) this.#doubt.saidAtMs ??= this.#monotonicMs();
    if (this.#begins)
      return { logTimeMs: Math.max(1, Math.floor(this.#wallMs())), beginsLogTime: true, doubt };
    const now = this.time;
    return {
      logTimeMs: now.resumeMs,
      standstillMs: Math.max(0, now.catchUpMs - now.resumeMs),
      appliedSlot: this.#appliedSlot,
      appliedLogTimeMs: resumeMs,
      appliedStandstillMs: catchUpMs - resumeMs,
      doubt,
    };
  }

  applied({ slot, time, said, own }: AppliedSlot): void {
    const nowMs = this.#monotonicMs();
    this.#noticePause(nowMs);
    this.#skipStandstill(nowMs);
    // Something is decided, and this replica learns of it: no standstill, whatever it knows of leaders.
    this.#standstill = undefined;
    const jumped = slot > this.#appliedSlot + 1;
    if (this.#begins || jumped) {
      this.#resume = new LogLine(nowMs, time.resumeMs);
      this.#catchUp = new LogLine(nowMs, time.catchUpMs);
    } else {
      const timed = time.timedSlot === slot;
      this.#catchUp.applied(nowMs, time.catchUpMs, timed);
      this.#lostMs += this.#resume.applied(nowMs, time.resumeMs, timed);
    }
    const begunHere = this.#begins && own && time.resumeMs !== 0;
    this.#time = time;
    this.#appliedSlot = slot;
    if (begunHere) this.#endDoubt();
    else if (jumped) this.#beginDoubt("away");
    else if (this.#missedSomething(nowMs)) this.#beginDoubt("paused");
    if (said !== undefined) {
      this.#dispel(slot, said, own, nowMs);
      this.#ask(slot, said, own, nowMs);
    }
  }

  /** To be called before something is proposed: after a pause, what came in meanwhile is at hand before the next tick. */
  look(): void {
    this.#noticePause(this.#monotonicMs());
  }

  /** To be called every few milliseconds. @param obstacle nothing can be decided now */
  tick(obstacle: boolean): void {
    const nowMs = this.#monotonicMs();
    this.#noticePause(nowMs);
    this.#lastTickMs = nowMs;
    if (obstacle) this.#standstill ??= { sinceMs: nowMs, proven: false };
    this.#skipStandstill(nowMs);
    if (!obstacle) {
      if (this.#standstill?.proven) this.#beginDoubt("away");
      this.#standstill = undefined;
    }
    const { heard } = this.#doubt ?? {};
    if (heard !== undefined && nowMs >= heard.untilMs) this.#endDoubt();
  }

  /** It knows of no log time yet: what it says is where log time begins, and nothing where it has begun. */
  get #begins(): boolean {
    return this.#time.resumeMs === 0;
  }

  /**
   * This process did nothing for a while: if all did, that was a standstill; if not, the others know better. What came in
   * meanwhile may be applied before the first tick after it.
   */
  #noticePause(nowMs: number): void {
    const pausedMs = nowMs - this.#lastTickMs;
    if (pausedMs <= logClockLimits.stallMs) return;
    this.#stalledAtMs = nowMs;
    this.#lastTickMs = nowMs;
    if (pausedMs <= logClockLimits.standstillMs || this.#standstill !== undefined) return;
    this.#resume.skip(pausedMs);
    this.#beginDoubt("paused");
  }

  /** The milliseconds of the standstill that lasts now; 0 without one. */
  #skippedMs(nowMs: number): number {
    if (this.#standstill === undefined) return 0;
    const lastedMs = nowMs - this.#standstill.sinceMs;
    return this.#standstill.proven || lastedMs > logClockLimits.standstillMs ? lastedMs : 0;
  }

  #skipStandstill(nowMs: number): void {
    const skippedMs = this.#skippedMs(nowMs);
    if (skippedMs === 0) return;
    this.#resume.skip(skippedMs);
    // What is proposed during a standstill is decided right after it, perhaps before this clock has noticed its end.
    if (!this.#standstill?.proven) this.#beginDoubt("away");
    this.#standstill = { sinceMs: nowMs, proven: true };
  }

  #missedSomething(nowMs: number): boolean {
    const { afterStallMs, aheadMs } = logClockLimits;
    return this.sure && this.#lostMs > aheadMs && nowMs - this.#stalledAtMs < afterStallMs;
  }

  #beginDoubt(reason: DoubtReason, late = 0): void {
    if (this.#options.alone()) return;
    const [number, sinceMs] = [++this.#doubts, this.#monotonicMs()];
    this.#doubt = { reason, number, sinceMs, late, saidAtMs: undefined, heard: undefined };
  }

  #endDoubt(): void {
    this.#doubt = undefined;
    this.#lostMs = 0;
  }

  /**
   * Ends once somebody who is sure has spoken who had heard of it, or nobody has objected for long enough. Both count from when
   * the others heard: where this replica learns of it late, catching up, it takes an old time for a new one, and says it again.
   */
  #dispel(slot: number, said: SaidTime, own: boolean, nowMs: number): void {
    const doubt = this.#doubt;
    if (doubt === undefined) return;
    const { appliedSlot = 0 } = said;
    const { patienceMs, lateMs, mostLate } = logClockLimits;
    if (own && said.doubt === doubt.number) {
      const late = nowMs - (doubt.saidAtMs ?? nowMs) > lateMs;
      if (late && doubt.late < mostLate) this.#beginDoubt("late", doubt.late + 1);
      else doubt.heard ??= { slot, untilMs: nowMs + patienceMs };
    } else if (!own && !said.doubt && doubt.heard && appliedSlot >= doubt.heard.slot) this.#endDoubt();
  }

  #ask(slot: number, said: SaidTime, own: boolean, nowMs: number): void {
    if (said.doubt && !own) {
      const { resumeMs, catchUpMs } = this.time;
      const aheadMs = Math.max(resumeMs - this.#time.resumeMs, catchUpMs - this.#time.catchUpMs);
      const ahead = aheadMs > logClockLimits.aheadMs;
      if (ahead || said.beginsLogTime) this.#question = { slot, sinceMs: nowMs, ahead };
    } else if ((own || !said.doubt) && (said.appliedSlot ?? 0) >= (this.#question?.slot ?? 0)) {
      this.#question = undefined;
    }
  }
}

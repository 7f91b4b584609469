import { status as Code } from "@grpc/grpc-js";
import { eventLoop, type Response, type Scheduler } from "@synod/wire";
import { Call, type Carrier, type Reply } from "./call.js";
import { OutcomeUnknown, SynodError } from "./error.js";
import { Lane } from "./lane.js";
import { Lanes } from "./lanes.js";
import { Outstanding } from "./outstanding.js";
import type { ReplicaPort } from "./port.js";
import { Session } from "./session.js";
import { openSession } from "./session-opening.js";
import { type ClientSettings, problemWith } from "./settings.js";
import { goesAgain, statusName } from "./status.js";
import { Troubles } from "./troubles.js";
import { WaitingCalls } from "./waiting-calls.js";

const sweepMs = 50;
const firstPauseMs = 50;
const maxHedgeMs = 8_000;

/** Numbers calls within a session and moves them between replicas until each has an answer or is out of time. */
export class CommandClient {
  readonly #settings: ClientSettings;
  readonly #scheduler: Scheduler;
  readonly #lanes: Lanes;
  readonly #troubles: Troubles;
  #session: Session | undefined;
  /** Sessions with calls that still wait, the present one included. */
  readonly #sessions = new Map<string, Session>();
  #opening = false;
  readonly #waiting = new WaitingCalls();
  readonly #outstanding: Outstanding;
  #stopSweep: (() => void) | undefined;
  #closed = false;

  constructor(ports: readonly ReplicaPort[], settings: ClientSettings, scheduler: Scheduler = eventLoop) {
    if (ports.length === 0) throw new TypeError("expected the address of at least one replica, found none");
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#outstanding = new Outstanding(settings.maxOutstandingBytes);
    const owner = {
      answered: (lane: Lane, answers: readonly Response[]) => this.#answered(lane, answers),
      failed: (lane: Lane, calls: readonly Call[]) => this.#failed(lane, calls),
    };
    this.#lanes = new Lanes(ports.map((port) => new Lane(port, owner, scheduler)));
    this.#troubles = new Troubles(ports, scheduler);
  }

  /** The session that new commands run under; undefined until one is open. */
  get clientId(): string | undefined {
    return this.#session?.clientId;
  }

  execute(service: string, method: string, request: Uint8Array, deadlineMs?: number): Promise<Reply> {
    const limitMs = deadlineMs ?? this.#settings.deadlineMs;
    return new Promise((resolve, reject) => {
      const problem = this.#closed
        ? new SynodError(Code.CANCELLED, "the client is closed", "not executed")
        : problemWith({ service, method, request }, limitMs, this.#waiting, this.#settings);
      if (problem) {
        reject(problem);
        return;
      }
      const now = this.#scheduler.nowMs();
      const call = new Call({ service, method, request }, now, limitMs, resolve, reject);
      call.cancelExpiry = this.#scheduler.after(limitMs, () => this.#expire(call));
      this.#waiting.add(call);
      this.#stopSweep ??= this.#scheduler.every(sweepMs, () => this.#look());
      this.#pump();
    });
  }

  close(): void {
    this.#closed = true;
    for (const call of [...this.#waiting.all, ...this.#outstanding]) {
      this.#settle(call);
      call.reject(new SynodError(Code.CANCELLED, "the client was closed", call.outcome));
    }
    for (const lane of this.#lanes.all) lane.close();
  }

  /** Gives numbers to waiting calls while session and window allow, and sends them. */
  #pump(): void {
    if (this.#waiting.size === 0 || this.#closed) return;
    if (this.#session === undefined) {
      if (!this.#opening) void this.#open();
      return;
    }
    for (let call = this.#waiting.first; call; call = this.#waiting.first) {
      if (!this.#outstanding.hasRoomFor(call) || !this.#session.adopt(call)) return;
      this.#waiting.take();
      this.#outstanding.add(call);
      this.#send(call);
    }
  }

  async #open(): Promise<void> {
    this.#opening = true;
    const opened = await openSession({
      ports: this.#lanes.all.map((lane) => lane.port),
      first: this.#lanes.present,
      silenceMs: this.#settings.silenceMs,
      scheduler: this.#scheduler,
      wanted: () => this.#waiting.size > 0 && !this.#closed,
      failed: (news) => {
        for (const call of this.#waiting.all) call.news = news;
      },
      misdirected: () => {
        for (const call of this.#waiting.all) this.#goAstray(call);
      },
    });
    this.#opening = false;
    if (opened === undefined) {
      // Nobody waited any more; somebody may again by now.
      this.#pump();
      return;
    }
    this.#lanes.goTo(opened.index);
    this.#session = new Session(opened.clientId, this.#settings.maxOutstanding);
    this.#sessions.set(opened.clientId, this.#session);
    this.#pump();
  }

  #send(call: Call): void {
    if (this.#settings.sendToAll) {
      for (const lane of this.#lanes.all) if (!call.lanes.has(lane)) lane.carry(call);
      return;
    }
    this.#lanes.for(call).carry(call);
  }

  #answered(lane: Lane, answers: readonly Response[]): void {
    for (const answer of answers) {
      // A second answer, to an attempt through another replica, finds its call settled and is dropped here.
      const call = this.#sessions.get(answer.clientId)?.calls.get(answer.sequence);
      if (call === undefined) continue;
      if (answer.outcome === "answered" || answer.status === Code.OK) this.#finish(call, answer);
      else this.#unanswered(lane, call, answer);
    }
    this.#pump();
  }

  /** An attempt ended, and that is not the command's answer. */
  #unanswered(lane: Lane, call: Call, said: Response): void {
    if (said.outcome === "not-executed") call.refusals += 1;
    call.news = `${lane.port.address}: ${statusName(said.status)}: ${said.message}`;
    lane.answered(call);
    if (said.status === Code.ABORTED) this.#retire(call);
    if (call.refusal) this.#refused(call, call.refusal);
    else if (said.status === Code.UNIMPLEMENTED) this.#notKnown(lane, call, said);
    else if (goesAgain(said.status)) this.#pause(lane, call);
    else this.#refused(call, said);
  }

  #pause(lane: Lane, call: Call): void {
    this.#lanes.leave(lane);
    call.pausedUntil = this.#scheduler.nowMs() + firstPauseMs * Math.min(20, Math.max(1, call.sends));
  }

  /** While builds are exchanged one replica may not know what others do: each is asked, and none twice. */
  #notKnown(lane: Lane, call: Call, said: Response): void {
    call.strangers.add(lane);
    call.notKnown = said;
    if (call.lanes.size > 0) return;
    const other = this.#lanes.thatMayKnow(call);
    if (other) other.carry(call);
    else this.#refused(call, said);
  }

  #finish(call: Call, answer: Response): void {
    this.#settle(call);
    if (answer.status === Code.OK) call.resolve({ response: answer.response, slot: answer.slot });
    else call.reject(new SynodError(answer.status, answer.message, "answered", answer.slot));
  }

  /**
   * It does not go again: refused by a replica, or by the log because its session is gone. What was sent before may have been
   * executed, so that attempts which are under way are waited for: one may bring the answer, or all be refused.
   */
  #refused(call: Call, refusal: Response): void {
    if (call.refusal === undefined) call.refusedAt = this.#scheduler.nowMs();
    call.refusal = refusal;
    for (const lane of [...call.lanes]) lane.withdraw(call);
    if (call.outcome === "unknown" && call.lanes.size > 0) return;
    if (call.outcome === "not executed" && refusal.status === Code.ABORTED) this.#goOn(call);
    else this.#giveUp(call, refusal);
  }

  /** Executed by no attempt under a session that is gone: for its caller it is the same command under the next one. */
  #goOn(call: Call): void {
    this.#outstanding.delete(call);
    this.#leaveSession(call);
    this.#waiting.add(call, true);
  }

  #giveUp(call: Call, { status, message, slot }: Response): void {
    this.#settle(call);
    const gone = status === Code.ABORTED;
    call.reject(
      gone ? new OutcomeUnknown(message, slot) : new SynodError(status, message, call.outcome, slot),
    );
  }

  /** Its session is unknown to the cluster: later calls go under a new one. */
  #retire(call: Call): void {
    const session = call.numbered?.session;
    if (session === undefined) return;
    if (this.#session === session) this.#session = undefined;
    if (session.calls.size === 0) this.#sessions.delete(session.clientId);
  }

  #failed(lane: Lane, calls: readonly Call[]): void {
    this.#lanes.leave(lane);
    for (const call of calls) {
      if (call.refusal) this.#refused(call, call.refusal);
      else if (call.lanes.size === 0 && this.#lanes.misdirected) this.#goAstray(call);
      else if (this.#settings.sendToAll && !lane.misdirected) lane.carry(call);
      else if (call.lanes.size > 0) continue;
      else if (call.notKnown && !this.#lanes.thatMayKnow(call)) this.#refused(call, call.notKnown);
      else this.#send(call);
    }
    this.#pump();
  }

  /** Only replicas of other clusters are left, and none of them may be asked: nothing this client did is known there. */
  #goAstray(call: Call): void {
    this.#settle(call);
    const reason = `${call.news}; connect again if that cluster is meant`;
    call.reject(new SynodError(Code.FAILED_PRECONDITION, reason, call.outcome));
  }

  /** Looks after the calls that got no answer: those in silence go again elsewhere, those paused go again. */
  #look(): void {
    const now = this.#scheduler.nowMs();
    for (const call of this.#outstanding) {
      if (call.refusal) {
        // A replica that is silent keeps nobody from an error that stands; only an answer under a lost session is worth more.
        const late = now - call.refusedAt > this.#settings.silenceMs;
        if (late && call.refusal.status !== Code.ABORTED) this.#giveUp(call, call.refusal);
        continue;
      }
      if (call.lanes.size === 0 && call.pausedUntil <= now) this.#send(call);
      else if (call.lanes.size > 0 && this.#silent(call, now)) this.#hedge(call);
      this.#wonder(call, now);
    }
    if (this.#waiting.first) this.#wonder(this.#waiting.first, now);
  }

  /** Each further attempt waits longer, so that a cluster without a majority is not buried in repeats. */
  #silent(call: Call, now: number): boolean {
    if (this.#settings.sendToAll) return false;
    const rounds = Math.floor(call.sends / this.#lanes.all.length);
    return now - sinceOf(call) > Math.min(maxHedgeMs, this.#settings.silenceMs * 2 ** rounds);
  }

  #hedge(call: Call): void {
    const lanes = [...call.lanes];
    const last = lanes[lanes.length - 1] as Carrier;
    if (last.heardAt < sinceOf(call)) this.#lanes.leave(last);
    // The lane may carry it already from an earlier round: it is then sent there again.
    this.#lanes.after(last).carry(call);
  }

  #wonder(call: Call, now: number): void {
    if (call.ageMs(now) > Math.min(this.#settings.silenceMs, call.deadlineMs / 2)) this.#troubles.ask();
  }

  #expire(call: Call): void {
    this.#settle(call);
    call.reject(this.#troubles.outOfTime(call));
    this.#pump();
  }

  #settle(call: Call): void {
    call.settled = true;
    call.cancelExpiry?.();
    this.#waiting.delete(call);
    this.#outstanding.delete(call);
    for (const lane of [...call.lanes]) lane.forget(call);
    this.#leaveSession(call);
    if (this.#waiting.size === 0 && this.#outstanding.size === 0) {
      this.#stopSweep?.();
      this.#stopSweep = undefined;
    }
  }

  /** Its number is settled: it has its answer, or is refused for good, or nobody waits. */
  #leaveSession(call: Call): void {
    if (call.numbered === undefined) return;
    const { session, command } = call.numbered;
    session.settle(command.sequence);
    if (session !== this.#session && session.calls.size === 0) this.#sessions.delete(session.clientId);
    call.numbered = undefined;
    call.refusal = undefined;
  }
}

/** Since when its last replica is silent: from its sending, or, while there is no connection, from its being given to the lane. */
function sinceOf(call: Call): number {
  return Math.max(call.lastSentAt, call.carriedAt);
}

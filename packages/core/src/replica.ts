import { type Ballot, compareBallots, noBallot, sameBallot } from "./ballot.js";
import { type Command, commandBytes } from "./command.js";
import { Configurations, type Genesis, type RulingConfiguration } from "./configuration.js";
import type { Connected, Installed, ReplicaInput, Rewound } from "./input.js";
import { invariant } from "./invariant.js";
import type { Limits } from "./limits.js";
import type { FromLeader, LeaderStatus, Propose, Question, ToLeader } from "./message.js";
import type { Output } from "./output.js";
import { proposalOf, sameValue, type Value } from "./pvalue.js";
import { Timeout } from "./timeout.js";

export interface ReplicaOptions {
  readonly id: string;
  /** Drawn at each start: a restarted replica never uses a proposal id again. */
  readonly incarnation: number;
  readonly genesis: Genesis;
  /** The configurations and the first slot not applied, as the replica's state had them at start. */
  readonly configurations: readonly RulingConfiguration[];
  readonly slotOut: number;
  /** Turns commands into the bytes of a batch. */
  readonly encodeBatch: (commands: readonly Command[]) => Uint8Array;
  readonly limits: Limits;
}

export interface ReplicaState {
  /** The lowest slot not applied. */
  readonly slotOut: number;
  /** The highest slot known to be decided; 0 when none is. */
  readonly highestKnown: number;
  /** Below it leaders need not know decisions any more: a replica whose slot_out is lower needs a snapshot (rule 19). */
  readonly trimmedBelow: number;
  /** Commands not proposed yet. */
  readonly queued: number;
  /** Proposals not decided yet. */
  readonly outstanding: number;
  /** The active leader it knows of. */
  readonly leader: string | undefined;
  readonly ballot: Ballot;
  /** Ids of the acceptors that the leader with the highest ballot does not reach; of any leader when none leads. */
  readonly unreachable: readonly string[];
}

interface Outstanding {
  readonly value: Value;
  /** Of the value. */
  readonly commands: readonly Command[];
  readonly again: Timeout;
  /** Its time has come, and it goes again once this slot is applied: it may have been decided up to there. */
  after: number | undefined;
}

/** A connected leader: what it said of itself last, and for how many ticks it has said nothing. */
interface KnownLeader {
  status: LeaderStatus | undefined;
  silentTicks: number;
}

/**
 * The replica of PMMC 2.1 (figure 1), but for who names the slot (rule 10): it batches commands into proposals, keeps
 * each outstanding until its id is decided in whatever slot (rule 14), and applies decisions in slot order.
 */
export class Replica {
  readonly #id: string;
  readonly #incarnation: number;
  readonly #encodeBatch: (commands: readonly Command[]) => Uint8Array;
  readonly #limits: Limits;
  readonly #configurations: Configurations;
  #slotOut: number;
  #highestKnown: number;
  #trimmedBelow = 1;
  /** Decisions at or above slot_out. */
  readonly #decisions = new Map<number, Value>();
  #queue: Command[] = [];
  #queueStart = 0;
  #queuedBytes = 0;
  readonly #outstanding = new Map<number, Outstanding>();
  #proposalNumber = 0;
  readonly #leaders = new Map<string, KnownLeader>();
  readonly #heartbeat: Timeout;
  /** Until slots that are known and lacking are asked for. */
  readonly #question: Timeout;
  #askedThrough = 0;
  /** How often that was without one coming. */
  #askedInVain = 0;

  constructor(options: ReplicaOptions) {
    this.#id = options.id;
    this.#incarnation = options.incarnation;
    this.#encodeBatch = options.encodeBatch;
    this.#limits = options.limits;
    this.#configurations = new Configurations(options.genesis, options.configurations);
    this.#slotOut = options.slotOut;
    this.#highestKnown = options.slotOut - 1;
    this.#heartbeat = new Timeout(options.limits.heartbeatTicks);
    this.#question = new Timeout(options.limits.questionTicks);
  }

  step(input: ReplicaInput): Output[] {
    const outputs: Output[] = [];
    switch (input.kind) {
      case "requests":
        for (const command of input.commands) this.#request(command, outputs);
        this.#propose(outputs);
        break;
      case "tick":
        this.#tick(outputs);
        break;
      case "trim-point":
        this.#trimmedBelow = Math.max(this.#trimmedBelow, input.below);
        this.#tellStatus(outputs);
        break;
      case "withdraw":
        this.#withdraw(input.outstanding, outputs);
        break;
      case "installed":
        this.#install(input, outputs);
        break;
      case "rewound":
        this.#rewind(input, outputs);
        break;
      case "connected":
        this.#connected(input, outputs);
        break;
      case "disconnected":
        this.#leaders.delete(input.peer.id);
        break;
      case "message":
        this.#receive(input.from.id, input.message, outputs);
        break;
    }
    return outputs;
  }

  status(): ReplicaState {
    const active = this.#activeLeader;
    const told = [...this.#leaders.values()].flatMap(({ status }) => status ?? []);
    const unreachable = active ? active.status.unreachable : told.flatMap((status) => status.unreachable);
    return {
      slotOut: this.#slotOut,
      highestKnown: this.#highestKnown,
      trimmedBelow: this.#trimmedBelow,
      queued: this.#queue.length - this.#queueStart,
      outstanding: this.#outstanding.size,
      leader: active?.id,
      ballot: active?.status.ballot ?? noBallot,
      unreachable: [...new Set(unreachable)].sort(),
    };
  }

  /** PMMC's slot_out: the lowest slot not applied. */
  get slotOut(): number {
    return this.#slotOut;
  }

  /** The configurations it knows to be decided. */
  get configurations(): readonly RulingConfiguration[] {
    return this.#configurations.known;
  }

  #request(command: Command, outputs: Output[]): void {
    const bytes = commandBytes(command);
    if (bytes > this.#limits.maxBatchBytes) {
      outputs.push({ kind: "refuse", command, reason: "command-too-large" });
    } else if (
      this.#queue.length - this.#queueStart >= this.#limits.maxQueuedCommands ||
      this.#queuedBytes + bytes > this.#limits.maxQueuedBytes
    ) {
      outputs.push({ kind: "refuse", command, reason: "queue-full" });
    } else {
      this.#queue.push(command);
      this.#queuedBytes += bytes;
    }
  }

  /** PMMC's propose(): whatever has queued while the allowed proposals were in flight goes together (rules 12, 13). */
  #propose(outputs: Output[]): void {
    while (
      this.#outstanding.size < this.#limits.maxOutstandingProposals &&
      this.#queueStart < this.#queue.length
    ) {
      const proposal = { replica: this.#id, incarnation: this.#incarnation, number: ++this.#proposalNumber };
      const commands = this.#nextBatch();
      const value: Value = { kind: "batch", proposal, commands: this.#encodeBatch(commands) };
      const again = new Timeout(this.#limits.reproposeTicks);
      this.#outstanding.set(proposal.number, { value, commands, again, after: undefined });
      this.#toLeaders(this.#proposeMessage(value), this.#heardLeader, outputs);
    }
  }

  /** What was proposed comes first: it cannot be refused any more, since it may be decided. */
  #withdraw(outstanding: boolean, outputs: Output[]): void {
    const proposed = outstanding ? [...this.#outstanding.values()].flatMap(({ commands }) => commands) : [];
    if (outstanding) this.#outstanding.clear();
    const commands = [...proposed, ...this.#queue.slice(this.#queueStart)];
    this.#queue = [];
    this.#queueStart = 0;
    this.#queuedBytes = 0;
    if (commands.length > 0) outputs.push({ kind: "withdrawn", commands, proposed: proposed.length > 0 });
  }

  #nextBatch(): Command[] {
    const { maxBatchCommands, maxBatchBytes } = this.#limits;
    let bytes = 0;
    let end = this.#queueStart;
    for (; end < this.#queue.length && end - this.#queueStart < maxBatchCommands; end++) {
      const next = commandBytes(this.#queue[end] as Command);
      if (bytes > 0 && bytes + next > maxBatchBytes) break;
      bytes += next;
    }
    const batch = this.#queue.slice(this.#queueStart, end);
    this.#queueStart = end;
    this.#queuedBytes -= bytes;
    if (this.#queueStart === this.#queue.length) {
      this.#queue = [];
      this.#queueStart = 0;
    } else if (this.#queueStart > this.#limits.maxQueuedCommands) {
      this.#queue = this.#queue.slice(this.#queueStart);
      this.#queueStart = 0;
    }
    return batch;
  }

  #proposeMessage(value: Value): Propose {
    return { kind: "propose", slot: this.#slotOut, value, forwarded: false };
  }

  #tick(outputs: Output[]): void {
    for (const leader of this.#leaders.values()) leader.silentTicks++;
    for (const proposal of this.#outstanding.values()) this.#proposeAgain(proposal, outputs);
    if (this.#heartbeat.tick()) {
      this.#heartbeat.start(this.#limits.heartbeatTicks);
      this.#tellStatus(outputs);
    }
    if (this.#highestKnown < this.#slotOut) this.#question.start(this.#limits.questionTicks);
    else if (this.#question.tick()) this.#ask(outputs);
  }

  /**
   * Rule 14: to every leader, unchanged, once all that was known to be decided when its time came is applied. A replica
   * that lags would have what is decided already decided once more, in new slots, and lag behind those.
   */
  #proposeAgain(proposal: Outstanding, outputs: Output[]): void {
    if (proposal.after === undefined && proposal.again.tick()) proposal.after = this.#highestKnown;
    if (proposal.after === undefined || this.#slotOut <= proposal.after) return;
    proposal.after = undefined;
    proposal.again.start(this.#limits.reproposeTicks);
    this.#toLeaders(this.#proposeMessage(proposal.value), undefined, outputs);
  }

  /** To a leader that has just come: all but what waits for slots to be applied. */
  #proposeAtOnce(leader: string, outputs: Output[]): void {
    for (const { value, after } of this.#outstanding.values())
      if (after === undefined) this.#toLeaders(this.#proposeMessage(value), leader, outputs);
  }

  /** Says of the trim point only what it has applied itself. */
  #tellStatus(outputs: Output[]): void {
    const slotOut = this.#slotOut;
    const trimmedBelow = Math.min(this.#trimmedBelow, slotOut);
    const configurations = this.#configurations.known;
    this.#toLeaders({ kind: "replica-status", slotOut, trimmedBelow, configurations }, undefined, outputs);
  }

  /** Rule 19: goes on behind the snapshot. What is outstanding stays so until its id is decided (rule 14). */
  #install({ slotOut, configurations }: Installed, outputs: Output[]): void {
    if (slotOut <= this.#slotOut) return; // Decisions that came in meanwhile have led further.
    this.#configurations.learn(configurations);
    for (const [slot, value] of this.#decisions) {
      if (slot >= slotOut) continue;
      this.#decisions.delete(slot);
      this.#jumpedOver(value, outputs);
    }
    this.#slotOut = slotOut;
    this.#highestKnown = Math.max(this.#highestKnown, slotOut - 1);
    this.#question.start(this.#limits.questionTicks);
    this.#askedThrough = 0;
    this.#askedInVain = 0;
    this.#applyNext(outputs);
    this.#tellStatus(outputs);
  }

  /** Goes back to a slot whose decision it has given out: it is decided for good, so it comes again as it was. */
  #rewind({ slotOut }: Rewound, outputs: Output[]): void {
    if (slotOut >= this.#slotOut) return;
    this.#slotOut = slotOut;
    this.#askedInVain = 0;
    this.#ask(outputs);
  }

  /** Asks for what it knows of and lacks (rule 15): the active leader; every leader when none is known, or it does not answer. */
  #ask(outputs: Output[]): void {
    this.#question.start(this.#limits.questionTicks);
    let through = this.#slotOut;
    while (
      through < this.#highestKnown &&
      !this.#decisions.has(through + 1) &&
      through < this.#slotOut + this.#limits.maxAnswerSlots - 1
    )
      through++;
    this.#askedThrough = through;
    const question: Question = { kind: "question", from: this.#slotOut, through };
    const patient = this.#askedInVain++ * this.#limits.questionTicks < this.#limits.reproposeTicks;
    this.#toLeaders(question, patient ? this.#heardLeader : undefined, outputs);
  }

  #connected({ peer }: Connected, outputs: Output[]): void {
    if (peer.role !== "leader") return;
    this.#leaders.set(peer.id, { status: undefined, silentTicks: 0 });
    this.#proposeAtOnce(peer.id, outputs);
  }

  #receive(leader: string, message: FromLeader, outputs: Output[]): void {
    const known = this.#leaders.get(leader);
    if (known) known.silentTicks = 0;
    switch (message.kind) {
      case "decision":
        this.#decide(message.slot, message.value, outputs);
        return;
      case "leader-status":
        this.#leaderStatus(leader, message, outputs);
        return;
      case "trimmed":
        this.#highestKnown = Math.max(this.#highestKnown, message.trim.below - 1);
        this.#trimmedBelow = Math.max(this.#trimmedBelow, message.trim.below);
        return;
      case "pong":
        return; // Meant for leaders.
    }
  }

  /** A leader that has just become active gets what is outstanding at once: nobody waits for a timeout. */
  #leaderStatus(leader: string, status: LeaderStatus, outputs: Output[]): void {
    const before = this.#activeLeader;
    const known = this.#leaders.get(leader);
    if (known) known.status = status;
    this.#highestKnown = Math.max(this.#highestKnown, status.slotOut - 1);
    const active = this.#activeLeader;
    if (
      !active ||
      (before && before.id === active.id && sameBallot(before.status.ballot, active.status.ballot))
    )
      return;
    this.#proposeAtOnce(active.id, outputs);
  }

  /** PMMC's decision handler and perform(): applies whatever is next, in order, each slot once. */
  #decide(slot: number, value: Value, outputs: Output[]): void {
    this.#highestKnown = Math.max(this.#highestKnown, slot);
    if (slot < this.#slotOut) {
      this.#jumpedOver(value, outputs);
      this.#propose(outputs);
      return;
    }
    const known = this.#decisions.get(slot);
    invariant(
      !known || sameValue(known, value),
      () => `slot ${slot} was decided twice, with different values`,
    );
    if (slot < this.#slotOut + this.#configurations.window + this.#limits.maxAnswerSlots)
      this.#decisions.set(slot, value);
    this.#applyNext(outputs);
    if (this.#slotOut > this.#askedThrough && this.#askedThrough > 0) {
      this.#askedThrough = 0;
      if (this.#highestKnown >= this.#slotOut && !this.#decisions.has(this.#slotOut)) this.#ask(outputs);
    }
  }

  #applyNext(outputs: Output[]): void {
    for (let next = this.#decisions.get(this.#slotOut); next; next = this.#decisions.get(this.#slotOut)) {
      this.#decisions.delete(this.#slotOut);
      this.#apply(next, outputs);
    }
    this.#propose(outputs);
  }

  /** Rule 19: what is decided in a slot jumped over is not applied, and is no longer outstanding. */
  #jumpedOver(value: Value, outputs: Output[]): void {
    if (this.#noLongerOutstanding(value)) outputs.push({ kind: "jumped-over", value });
  }

  /** @returns whether it was outstanding */
  #noLongerOutstanding(value: Value): boolean {
    const proposal = proposalOf(value);
    if (!proposal || proposal.replica !== this.#id || proposal.incarnation !== this.#incarnation)
      return false;
    return this.#outstanding.delete(proposal.number);
  }

  #apply(value: Value, outputs: Output[]): void {
    this.#noLongerOutstanding(value);
    if (value.kind === "configuration") this.#configurations.decided(this.#slotOut, value.configuration);
    outputs.push({ kind: "apply", slot: this.#slotOut, value });
    this.#slotOut++;
    this.#question.start(this.#limits.questionTicks);
    this.#askedInVain = 0;
  }

  /** The connected leader that says it is active, with the highest ballot. */
  get #activeLeader(): { readonly id: string; readonly status: LeaderStatus } | undefined {
    let best: { readonly id: string; readonly status: LeaderStatus } | undefined;
    for (const [id, { status }] of this.#leaders) {
      if (!status?.active) continue;
      if (!best || compareBallots(status.ballot, best.status.ballot) > 0) best = { id, status };
    }
    return best;
  }

  /** The active leader, unless it has been silent for the suspicion time: then every leader is to hear, and pass on. */
  get #heardLeader(): string | undefined {
    const id = this.#activeLeader?.id;
    if (id === undefined) return undefined;
    const { silentTicks = 0 } = this.#leaders.get(id) ?? {};
    return silentTicks > this.#limits.suspectAfterTicks ? undefined : id;
  }

  /** To one leader, or to every connected one when `id` is undefined. */
  #toLeaders(message: ToLeader, id: string | undefined, outputs: Output[]): void {
    for (const leader of id === undefined ? this.#leaders.keys() : [id]) {
      outputs.push({ kind: "send", to: { role: "leader", id: leader }, message });
    }
  }
}

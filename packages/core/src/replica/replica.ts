import { noBallot } from "../ballot.js";
import type { Command } from "../command.js";
import { Configurations, type Genesis, type RulingConfiguration } from "../configuration.js";
import type { Installed, Peer, ReplicaInput } from "../input.js";
import type { Limits } from "../limits.js";
import type { FromLeader, LeaderStatus, Propose } from "../message.js";
import { type Output, Outputs } from "../output.js";
import type { Value } from "../pvalue.js";
import { Timeout } from "../timeout.js";
import { CommandQueue } from "./command-queue.js";
import { type Gap, GapQuestion } from "./gap-question.js";
import { KnownLeaders } from "./known-leaders.js";
import { OutstandingProposals } from "./outstanding-proposals.js";
import { PendingDecisions } from "./pending-decisions.js";
import type { ReplicaState } from "./replica-state.js";

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

/**
 * The replica of PMMC 2.1 (figure 1), but for who names the slot (rule 10): it batches commands into proposals, keeps
 * each outstanding until its id is decided in whatever slot (rule 14), and applies decisions in slot order.
 */
export class Replica {
  readonly #encodeBatch: (commands: readonly Command[]) => Uint8Array;
  readonly #limits: Limits;
  readonly #configurations: Configurations;
  readonly #outputs = new Outputs();
  readonly #decisions: PendingDecisions;
  readonly #queue: CommandQueue;
  readonly #proposals: OutstandingProposals;
  readonly #leaders: KnownLeaders;
  readonly #question: GapQuestion;
  readonly #heartbeat: Timeout;
  #slotOut: number;
  #highestKnown: number;
  #trimmedBelow = 1;

  constructor({ id, incarnation, limits, ...options }: ReplicaOptions) {
    this.#encodeBatch = options.encodeBatch;
    this.#limits = limits;
    this.#configurations = new Configurations(options.genesis, options.configurations);
    this.#slotOut = options.slotOut;
    this.#highestKnown = options.slotOut - 1;
    this.#decisions = new PendingDecisions(limits.maxKeptBytes);
    this.#queue = new CommandQueue(limits);
    this.#proposals = new OutstandingProposals(id, incarnation, limits);
    this.#leaders = new KnownLeaders(limits, this.#outputs);
    this.#question = new GapQuestion(limits, this.#leaders);
    this.#heartbeat = new Timeout(limits.heartbeatTicks);
  }

  step(input: ReplicaInput): Output[] {
    switch (input.kind) {
      case "requests":
        this.#request(input.commands);
        break;
      case "tick":
        this.#tick();
        break;
      case "trim-point":
        this.#trimmedBelow = Math.max(this.#trimmedBelow, input.below);
        this.#tellStatus();
        break;
      case "withdraw":
        this.#withdraw(input.outstanding);
        break;
      case "installed":
        this.#install(input);
        break;
      case "rewound":
        this.#rewind(input.slotOut);
        break;
      case "connected":
        this.#connected(input.peer);
        break;
      case "disconnected":
        this.#leaders.disconnected(input.peer.id);
        break;
      case "message":
        this.#receive(input.from.id, input.message);
        break;
    }
    return this.#outputs.take();
  }

  status(): ReplicaState {
    const { active, unreachable } = this.#leaders;
    return {
      slotOut: this.#slotOut,
      highestKnown: this.#highestKnown,
      trimmedBelow: this.#trimmedBelow,
      queued: this.#queue.size,
      queuedBytes: this.#queue.bytes,
      outstanding: this.#proposals.size,
      leader: active?.id,
      ballot: active?.status.ballot ?? noBallot,
      unreachable,
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

  #request(commands: readonly Command[]): void {
    for (const command of commands) {
      const refusal = this.#queue.add(command);
      if (refusal) this.#outputs.refuse(command, refusal);
    }
    this.#propose();
  }

  /** PMMC's propose(): whatever has queued while the allowed proposals were in flight goes together (rules 12, 13). */
  #propose(): void {
    while (this.#proposals.size < this.#limits.maxOutstandingProposals && this.#queue.size > 0) {
      const commands = this.#queue.takeBatch();
      const value = this.#proposals.add(commands, this.#encodeBatch(commands));
      this.#leaders.tellActive(this.#proposeMessage(value));
    }
  }

  #proposeMessage(value: Value): Propose {
    return { kind: "propose", slot: this.#slotOut, value, forwarded: false };
  }

  /** Proposed commands come first: they cannot be refused any more, since they may be decided. */
  #withdraw(outstanding: boolean): void {
    const proposed = outstanding ? this.#proposals.takeAll() : [];
    const commands = [...proposed, ...this.#queue.takeAll()];
    if (commands.length > 0) this.#outputs.withdrawn(commands, proposed.length > 0);
  }

  #tick(): void {
    this.#leaders.tick();
    for (const value of this.#proposals.tick({ slotOut: this.#slotOut, highestKnown: this.#highestKnown }))
      this.#leaders.tellAll(this.#proposeMessage(value)); // Rule 14.
    if (this.#heartbeat.tick()) {
      this.#heartbeat.start(this.#limits.heartbeatTicks);
      this.#tellStatus();
    }
    if (this.#question.tick(this.#highestKnown >= this.#slotOut)) this.#question.ask(this.#gap);
  }

  /** To a leader that has just come, or has just become active: nobody waits for a timeout. */
  #proposeAtOnce(leader: string): void {
    for (const value of this.#proposals.current) this.#leaders.tell(leader, this.#proposeMessage(value));
    this.#proposals.begin();
  }

  /** Says of the trim point only what it has applied itself. */
  #tellStatus(): void {
    const slotOut = this.#slotOut;
    const trimmedBelow = Math.min(this.#trimmedBelow, slotOut);
    const configurations = this.#configurations.known;
    this.#leaders.tellAll({ kind: "replica-status", slotOut, trimmedBelow, configurations });
  }

  /** Rule 19: goes on behind the snapshot. What is outstanding stays so until its id is decided (rule 14). */
  #install({ slotOut, configurations }: Installed): void {
    if (slotOut <= this.#slotOut) return; // Decisions that came in meanwhile have led further.
    this.#configurations.learn(configurations);
    for (const value of this.#decisions.takeBelow(slotOut)) this.#jumpedOver(value);
    this.#slotOut = slotOut;
    this.#highestKnown = Math.max(this.#highestKnown, slotOut - 1);
    this.#question.restart();
    this.#applyNext();
    this.#tellStatus();
  }

  /** Goes back to a slot whose decision it has given out: it is decided for good, so it comes again as it was. */
  #rewind(slotOut: number): void {
    if (slotOut >= this.#slotOut) return;
    this.#slotOut = slotOut;
    this.#question.rewound(this.#gap);
  }

  /** The slots from slot_out on that are lacking, as many as one question may ask for (rule 15). */
  get #gap(): Gap {
    const from = this.#slotOut;
    let through = from;
    while (
      through < this.#highestKnown &&
      !this.#decisions.has(through + 1) &&
      through < from + this.#limits.maxAnswerSlots - 1
    )
      through++;
    return { from, through };
  }

  #connected({ role, id }: Peer): void {
    if (role !== "leader") return;
    this.#leaders.connected(id);
    this.#proposeAtOnce(id);
  }

  #receive(leader: string, message: FromLeader): void {
    this.#leaders.heard(leader);
    switch (message.kind) {
      case "decision":
        this.#decide(message.slot, message.value);
        return;
      case "leader-status":
        this.#leaderStatus(leader, message);
        return;
      case "trimmed":
        this.#highestKnown = Math.max(this.#highestKnown, message.trim.below - 1);
        this.#trimmedBelow = Math.max(this.#trimmedBelow, message.trim.below);
        return;
      case "pong":
        return; // Meant for leaders.
    }
  }

  #leaderStatus(leader: string, status: LeaderStatus): void {
    this.#highestKnown = Math.max(this.#highestKnown, status.slotOut - 1);
    const active = this.#leaders.update(leader, status);
    if (active) this.#proposeAtOnce(active.id);
  }

  /** PMMC's decision handler and perform(): applies whatever is next, in order, each slot once. */
  #decide(slot: number, value: Value): void {
    this.#highestKnown = Math.max(this.#highestKnown, slot);
    if (slot < this.#slotOut) {
      this.#jumpedOver(value);
      this.#propose();
      return;
    }
    const keptBelow = this.#slotOut + this.#configurations.window + this.#limits.maxAnswerSlots;
    if (slot === this.#slotOut) this.#apply(value);
    else this.#decisions.learn(slot, value, slot < keptBelow);
    this.#applyNext();
    if (!this.#question.answered(this.#slotOut)) return;
    if (this.#highestKnown >= this.#slotOut && !this.#decisions.has(this.#slotOut))
      this.#question.ask(this.#gap);
  }

  #applyNext(): void {
    for (let next = this.#decisions.take(this.#slotOut); next; next = this.#decisions.take(this.#slotOut))
      this.#apply(next);
    this.#propose();
  }

  #apply(value: Value): void {
    this.#proposals.settle(value);
    if (value.kind === "configuration") this.#configurations.decided(this.#slotOut, value.configuration);
    this.#outputs.apply(this.#slotOut, value);
    this.#slotOut++;
    this.#question.applied();
  }

  /** Rule 19: what is decided in a slot jumped over is not applied, and is no longer outstanding. */
  #jumpedOver(value: Value): void {
    if (this.#proposals.settle(value)) this.#outputs.jumpedOver(value);
  }
}

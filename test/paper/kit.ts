import {
  Acceptor,
  type Ballot,
  type Command,
  defaultLimits,
  type FromAcceptor,
  type Genesis,
  Leader,
  type LeaderInput,
  type Limits,
  type Message,
  noOperation,
  type Output,
  type P1a,
  type P1b,
  type P2b,
  type Peer,
  type PValue,
  Replica,
  type ToAcceptor,
  type Value,
} from "@synod/core";
import { type AcceptorStore, MemoryAcceptorDisk } from "@synod/storage";
import { recordCodec } from "@synod/wire";

/** Small bounds, so that a test meets them. */
export const limits: Limits = {
  ...defaultLimits,
  suspectAfterTicks: 20,
  heartbeatTicks: 4,
  resendTicks: 8,
  reproposeTicks: 16,
  questionTicks: 3,
  scoutTicks: 60,
  delayTicks: 1,
  maxDelayTicks: 8,
  maxOutstandingProposals: 2,
  maxBatchCommands: 4,
  maxQueuedCommands: 8,
  maxQueuedProposals: 8,
  maxPageSlots: 2,
  maxKeptDecisions: 4,
  maxAnswerSlots: 4,
};

export const genesis: Genesis = {
  window: 4,
  configuration: {
    number: 1,
    predecessor: 0,
    acceptors: ["a1", "a2", "a3"].map((id) => ({ id, address: `${id}:1`, store: storeOf(id) })),
    leaders: ["l1", "l2"].map((id) => ({ id, address: `${id}:1` })),
    replicas: ["r1", "r2"].map((id) => ({ id, address: `${id}:1` })),
  },
};

export const acceptorIds = ["a1", "a2", "a3"] as const;

export function storeOf(acceptor: string): string {
  return `store-${acceptor}`;
}

export function ballot(round: number, leader = "l1", incarnation = 1): Ballot {
  return { round, leader, incarnation };
}

/** A batch that holds nothing but its name. */
export function value(number: number, replica = "r1"): Value {
  return { kind: "batch", proposal: { replica, incarnation: 1, number }, commands: Buffer.of(number) };
}

export { noOperation };

export function command(sequence: number, bytes = 1): Command {
  return {
    clientId: "1.0",
    sequence,
    acknowledged: 0,
    service: "s",
    method: "M",
    request: new Uint8Array(bytes),
  };
}

export const leaderPeer = (id = "l1"): Peer => ({ role: "leader", id });
export const acceptorPeer = (id: string): Peer => ({ role: "acceptor", id });
export const replicaPeer = (id = "r1"): Peer => ({ role: "replica", id });

/** The messages among outputs, of one kind if given. */
export function messages(outputs: readonly Output[]): Message[] {
  return outputs.flatMap((output) =>
    output.kind === "send" || output.kind === "send-durable" ? [output.message] : [],
  );
}

export function messagesOf<K extends Message["kind"]>(
  outputs: readonly Output[],
  kind: K,
): Extract<Message, { kind: K }>[] {
  return messages(outputs).filter(
    (message): message is Extract<Message, { kind: K }> => message.kind === kind,
  );
}

/** To whom messages of one kind go. */
export function receivers(outputs: readonly Output[], kind: Message["kind"]): string[] {
  return outputs.flatMap((output) =>
    (output.kind === "send" || output.kind === "send-durable") && output.message.kind === kind
      ? [output.to.id]
      : [],
  );
}

/** An acceptor on a disk in memory. */
export class AcceptorBench {
  readonly id: string;
  readonly #disk: MemoryAcceptorDisk;
  acceptor!: Acceptor;
  store!: AcceptorStore;

  constructor(id = "a1") {
    this.id = id;
    this.#disk = new MemoryAcceptorDisk({ id, store: storeOf(id), codec: recordCodec });
    this.#disk.hold(true);
    this.#start();
  }

  /** A step whose writes are on disk before anything else happens. */
  step(message: ToAcceptor, from = leaderPeer()): Output[] {
    const outputs = this.unsynced(message, from);
    this.sync();
    return outputs;
  }

  /** What was written is on disk. */
  sync(): void {
    void this.store.commit();
    this.#disk.release();
  }

  unsynced(message: ToAcceptor, from = leaderPeer()): Output[] {
    const outputs = this.acceptor.step({ kind: "message", from, message });
    for (const output of outputs) if (output.kind === "persist") this.store.write(output.record);
    return outputs;
  }

  tick(count: number): void {
    for (let tick = 0; tick < count; tick++) this.acceptor.step({ kind: "tick" });
  }

  p1a(asked: Ballot, from = 1, scout = 1): P1b {
    return only(messagesOf(this.step({ kind: "p1a", ballot: asked, configuration: 1, from, scout }), "p1b"));
  }

  p2a(pvalue: PValue): P2b {
    return only(messagesOf(this.step({ kind: "p2a", pvalue }), "p2b"));
  }

  crashAndRestart(): void {
    this.#disk.crash();
    this.#start();
  }

  #start(): void {
    const { id } = this;
    this.store = this.#disk.open({ id });
    const { state, identity } = this.store;
    this.acceptor = new Acceptor({ id, store: identity.store, state, log: this.store, limits });
  }
}

export function only<T>(items: readonly T[]): T {
  if (items.length !== 1)
    throw new Error(`expected exactly one, found ${items.length}: ${JSON.stringify(items)}`);
  return items[0] as T;
}

/** The answer of an acceptor that has accepted `accepted` and promises what it is asked. */
export function promise(
  asked: P1a,
  acceptor: string,
  accepted: readonly PValue[] = [],
  more: Partial<P1b> = {},
): P1b {
  return {
    kind: "p1b",
    acceptor,
    store: storeOf(acceptor),
    asked: asked.ballot,
    configuration: asked.configuration,
    from: asked.from,
    scout: asked.scout,
    promised: asked.ballot,
    accepted,
    next: 0,
    trim: { below: 1, configurations: [] },
    ...more,
  };
}

export function vote(pvalue: PValue, acceptor: string, more: Partial<P2b> = {}): P2b {
  return {
    kind: "p2b",
    acceptor,
    store: storeOf(acceptor),
    asked: pvalue.ballot,
    slot: pvalue.slot,
    promised: pvalue.ballot,
    ...more,
  };
}

/** A leader with what a test of it needs. */
export class LeaderBench {
  readonly leader: Leader;
  readonly id: string;

  /** @param drawn what chance gives, from 0 to below 1: delays are the shortest by default */
  constructor(id = "l1", incarnation = 7, bounds: Partial<Limits> = {}, drawn = 0) {
    this.id = id;
    const random = () => drawn;
    this.leader = new Leader({ id, incarnation, genesis, limits: { ...limits, ...bounds }, random });
  }

  step(input: LeaderInput): Output[] {
    return this.leader.step(input);
  }

  attach(replica = "r1", slotOut = 1): Output[] {
    return this.step({ kind: "connected", peer: replicaPeer(replica), slotOut, configurations: [] });
  }

  connectAcceptors(): void {
    for (const id of acceptorIds)
      this.step({ kind: "connected", peer: acceptorPeer(id), slotOut: 0, configurations: [] });
  }

  tick(count = 1): Output[] {
    return Array.from({ length: count }, () => this.step({ kind: "tick" })).flat();
  }

  /** Ticks in which these acceptors answer every heartbeat. */
  tickHeard(count: number, acceptors: readonly string[] = acceptorIds): Output[] {
    return Array.from({ length: count }, () => {
      const outputs = this.tick();
      for (const { kind: _, ...beat } of messagesOf(outputs, "heartbeat")) {
        const { ballot: promised } = beat;
        for (const acceptor of acceptors) {
          const more = { acceptor, store: storeOf(acceptor), promised, trimmedBelow: 1 };
          this.fromAcceptor({ kind: "heartbeat-ack", ...beat, ...more });
        }
      }
      return outputs;
    }).flat();
  }

  fromAcceptor(message: FromAcceptor): Output[] {
    return this.step({ kind: "message", from: acceptorPeer(message.acceptor), message });
  }

  fromReplica(
    message: Extract<Message, { kind: "propose" | "question" | "replica-status" }>,
    replica = "r1",
  ): Output[] {
    return this.step({ kind: "message", from: replicaPeer(replica), message });
  }

  propose(proposed: Value, slot = 1): Output[] {
    return this.fromReplica({ kind: "propose", slot, value: proposed, forwarded: false });
  }

  /** Ticks until it asks for pre-votes, and grants them. @returns the P1a it then sends */
  stand(hears = false): { outputs: Output[]; p1a: P1a[] } {
    let asked = messagesOf(this.tick(), "pre-vote");
    for (let tick = 0; asked.length === 0 && tick < 200; tick++) asked = messagesOf(this.tick(), "pre-vote");
    const preVote = asked[0];
    if (!preVote) throw new Error("the leader never asked for pre-votes");
    const outputs = acceptorIds.flatMap((acceptor) =>
      this.fromAcceptor({
        kind: "pre-vote-answer",
        acceptor,
        store: storeOf(acceptor),
        asked: preVote.ballot,
        configuration: 1,
        promised: { round: preVote.ballot.round - 1, leader: "l0", incarnation: 0 },
        hears,
      }),
    );
    return { outputs, p1a: messagesOf(outputs, "p1a") };
  }

  /** Becomes active. Per acceptor of a majority, what it had accepted. */
  lead(accepted: readonly (readonly PValue[])[] = [[], []]): { ballot: Ballot; outputs: Output[] } {
    const { p1a } = this.stand();
    const first = p1a[0];
    if (!first) throw new Error("the leader sent no P1a");
    const outputs = accepted.flatMap((pvalues, index) =>
      this.fromAcceptor(promise(first, `a${index + 1}`, pvalues)),
    );
    return { ballot: first.ballot, outputs };
  }

  /** Votes of a majority for every P2a among the outputs. */
  decide(outputs: readonly Output[]): Output[] {
    const pvalues = new Map(messagesOf(outputs, "p2a").map(({ pvalue }) => [pvalue.slot, pvalue]));
    return [...pvalues.values()].flatMap((pvalue) =>
      ["a1", "a2"].flatMap((id) => this.fromAcceptor(vote(pvalue, id))),
    );
  }
}

export class ReplicaBench {
  readonly replica: Replica;

  constructor(slotOut = 1, incarnation = 1, bounds: Partial<Limits> = {}) {
    this.replica = new Replica({
      id: "r1",
      incarnation,
      genesis,
      configurations: [],
      slotOut,
      encodeBatch: (commands) => Uint8Array.from(commands.map(({ sequence }) => sequence)),
      limits: { ...limits, ...bounds },
    });
  }

  connect(leader = "l1"): Output[] {
    return this.replica.step({ kind: "connected", peer: leaderPeer(leader), slotOut: 0, configurations: [] });
  }

  status(leader: string, active: boolean, slotOut = 1, round = 1): Output[] {
    const message = {
      kind: "leader-status",
      active,
      ballot: ballot(round, leader),
      slotOut,
      unreachable: [],
    } as const;
    return this.replica.step({ kind: "message", from: leaderPeer(leader), message });
  }

  request(...sequences: number[]): Output[] {
    return this.replica.step({ kind: "requests", commands: sequences.map((sequence) => command(sequence)) });
  }

  decision(slot: number, decided: Value): Output[] {
    return this.replica.step({
      kind: "message",
      from: leaderPeer(),
      message: { kind: "decision", slot, value: decided },
    });
  }

  tick(count = 1): Output[] {
    return Array.from({ length: count }, () => this.replica.step({ kind: "tick" })).flat();
  }
}

export function appliedSlots(outputs: readonly Output[]): number[] {
  return outputs.flatMap((output) => (output.kind === "apply" ? [output.slot] : []));
}

/** A leader that leads, and what it did to get there. */
export function leading(accepted?: Parameters<LeaderBench["lead"]>[0]) {
  const bench = new LeaderBench();
  bench.connectAcceptors();
  bench.attach();
  return { bench, ...bench.lead(accepted) };
}

/** What is proposed to acceptors, each once. */
export const proposals = (outputs: Parameters<typeof messagesOf>[0]) => [
  ...new Map(messagesOf(outputs, "p2a").map(({ pvalue }) => [pvalue.slot, pvalue])).values(),
];

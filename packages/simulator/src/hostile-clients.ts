import type { CommandStream } from "@synod/client";
import { type Command, randomBelow } from "@synod/core";
import { ClientWay } from "./client-way.js";
import { type Cluster, pick } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { drawOperation } from "./operation.js";
import { openingLimits } from "./options.js";
import { Violation } from "./violation.js";

/** Commands that the greedy client has outstanding at one replica. */
const greed = 60;
const mostSessions = 30;
const longestMs = 60_000;
const invalidArgument = 3;
const resourceExhausted = 8;
/** Clocks of simulated processes run fast, and steps of time are whole. */
const slack = 1.2;

interface Greedy {
  readonly life: number;
  waiting: number;
  answered: number;
}

/**
 * Clients that take all they can get: one has more commands waiting than a replica has places, one opens sessions without end, one
 * sends what is no command. The others must be none the worse (rules 12 and 16).
 */
export class HostileClients {
  readonly #cluster: Cluster;
  readonly #greedy = new Map<SimulatedNode, Greedy>();
  /** Sessions opened by the life of a node. */
  readonly #opened = new Map<
    SimulatedNode,
    { readonly life: number; readonly sinceMs: number; sessions: number }
  >();
  #malformed: CommandStream | undefined;
  #calls = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** One of them does what it does, perhaps. */
  ask(): void {
    const { options, streams, replicas } = this.#cluster;
    if (options.hostile === 0 || streams.hostile() >= options.hostile) return;
    const node = pick(streams.hostile, replicas);
    const kind = randomBelow(streams.hostile, 3);
    if (kind === 0) this.#fill(node);
    else if (kind === 1) this.#openSessions(node);
    else this.#spoil(node);
  }

  /** The commands of the greedy client that this life of a replica has answered. */
  answeredBy(node: SimulatedNode): number {
    return this.#greedy.get(node)?.answered ?? 0;
  }

  #fill(node: SimulatedNode): void {
    const { process, life } = node;
    if (!process || node.paused) return;
    let state = this.#greedy.get(node);
    if (state?.life !== life) state = { life, waiting: 0, answered: state?.answered ?? 0 };
    this.#greedy.set(node, state);
    const commands = Array.from({ length: greed - state.waiting }, () => this.#command());
    state.waiting = greed;
    this.#cluster.trace.count("greedy client");
    process.requests.submit(commands, "greedy", longestMs, (_, { status }) => {
      state.waiting--;
      if (status !== resourceExhausted) state.answered++;
    });
  }

  #command(): Command {
    const name = `greedy-${++this.#calls}`;
    const operation = drawOperation(this.#cluster.streams.hostile, "greedy", name, new Map());
    return { clientId: "", sequence: 0, acknowledged: 0, ...operation };
  }

  #openSessions(node: SimulatedNode): void {
    const { process, life } = node;
    if (!process || node.paused) return;
    const nowMs = this.#cluster.now * this.#cluster.options.limits.tickMs;
    let state = this.#opened.get(node);
    if (state?.life !== life) state = { life, sinceMs: nowMs, sessions: 0 };
    this.#opened.set(node, state);
    const { atOnce, perSecond } = openingLimits;
    const most = (atOnce + ((nowMs - state.sinceMs) * perSecond) / 1_000) * slack + 1;
    for (let count = 0; count < mostSessions; count++)
      process.openings.open("opener", longestMs, ({ status, slot }) => {
        // Answered where it was decided, and so opened.
        if (status === 0 && slot > 0) this.#cluster.trace.count("session opened by a hostile client");
        if (status !== resourceExhausted) state.sessions++;
      });
    this.#cluster.later(1, () => {
      if (state.sessions > most)
        throw new Violation(
          `${node.peer.id} opens ${state.sessions} sessions for one connection; expected at most ${Math.floor(most)}`,
        );
    });
  }

  /** Sends what is no command, and beside it more of the kind: each has an answer of its own, and the stream goes on. */
  #spoil(node: SimulatedNode): void {
    this.#malformed ??= new ClientWay("malformed", node, this.#cluster).openStream({
      answers: () => this.#cluster.trace.count("malformed command answered"),
      drained: () => {},
      ended: (code, reason) => {
        this.#malformed = undefined;
        if (code !== invalidArgument) return;
        const text = `${node.peer.id} ends a stream for one command that is none: ${reason}`;
        this.#cluster.fail(new Violation(text));
      },
    });
    const none = { ...this.#command(), service: "no name" };
    this.#malformed.send([none, none]);
  }
}

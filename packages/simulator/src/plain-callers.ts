import { SynodError } from "@synod/client";
import { type Command, randomBelow } from "@synod/core";
import type { Response } from "@synod/wire";
import { type Cluster, pick } from "./cluster.js";
import type { HostileClients } from "./hostile-clients.js";
import type { SimulatedNode } from "./node.js";
import { drawOperation, type Operation } from "./operation.js";
import { Violation } from "./violation.js";

const shortestMs = 400;
const spreadMs = 8_000;
/** Long enough for whatever is answered at all. */
const longestMs = 2 ** 31 - 1;
/** By this code proxies and client libraries take it that they may send the same again by themselves. */
const unavailable = 14;
const resourceExhausted = 8;
/** The part of the calls, while faults may happen, whose caller goes away. */
const givenUp = 0.1;

interface Call {
  readonly node: SimulatedNode;
  /** The life of the node that was asked: once it is over, nothing answers the call. */
  readonly life: number;
  readonly operation: Operation;
}

/**
 * Callers that know nothing of sessions, as grpcurl is one: each call goes to one replica, which proposes it under a session
 * of its own (rule 16). What they are told is held against the log, and every call ends.
 */
export class PlainCallers {
  readonly #cluster: Cluster;
  readonly #hostile: HostileClients;
  readonly #open = new Set<Call>();
  /** Replicas that must still answer a call made after the last fault. */
  readonly #owing = new Set<SimulatedNode>();
  #calls = 0;

  constructor(cluster: Cluster, hostile: HostileClients) {
    this.#cluster = cluster;
    this.#hostile = hostile;
  }

  /** Somebody calls, perhaps. */
  ask(): void {
    const { options, replicas, streams } = this.#cluster;
    if (options.plainCalls > 0 && streams.callers() < options.plainCalls)
      this.#call(pick(streams.callers, replicas));
  }

  /** Faults are over: from now on every replica that runs answers. */
  askEverywhere(): void {
    if (this.#cluster.options.plainCalls === 0) return;
    for (const node of this.#cluster.replicas) {
      if (!node.up) continue;
      this.#owing.add(node);
      this.#call(node);
    }
  }

  /**
   * What callers still wait for, in words; undefined when for nothing.
   * @param excused the replica may go without the state that it waits for
   */
  stuck(excused: (node: SimulatedNode) => boolean): string | undefined {
    const waiting = this.#live().find(({ node }) => !excused(node));
    if (waiting) return `a caller without a session waits for ${waiting.node.peer.id}`;
    const owing = [...this.#owing].find((node) => node.up && !excused(node));
    return owing && `${owing.peer.id} answers no call without a session`;
  }

  #lives({ node, life }: Call): boolean {
    return node.up && node.life === life;
  }

  #live(): Call[] {
    for (const call of this.#open) {
      if (this.#lives(call)) continue;
      this.#open.delete(call);
      // It may have been started again after the last fault, with another build or release.
      this.#again(call.node);
    }
    return [...this.#open];
  }

  #call(node: SimulatedNode): void {
    const { faulty, streams, trace } = this.#cluster;
    const random = streams.callers;
    const name = `plain-${++this.#calls}`;
    const operation = drawOperation(random, name, name, new Map());
    const limitMs = random() < 0.5 ? shortestMs + randomBelow(random, spreadMs) : longestMs;
    const gone = faulty && random() < givenUp ? randomBelow(random, 60) : undefined;
    this.#later(() => {
      const { process } = node;
      if (!process || node.paused) return this.#again(node);
      const before = this.#hostile.answeredBy(node);
      const call: Call = { node, life: node.life, operation };
      this.#open.add(call);
      this.#bound(node);
      trace.count("call without a session");
      const command: Command = { clientId: "", sequence: 0, acknowledged: 0, ...operation };
      const group = process.requests.submit([command], name, limitMs, (_, answer) => {
        this.#open.delete(call);
        this.#served(call, answer, this.#hostile.answeredBy(node) - before);
        this.#later(() => this.#answered(call, answer));
      });
      if (gone === undefined) return;
      this.#cluster.later(gone, () => {
        if (this.#lives(call) && this.#open.delete(call)) group.cancel();
      });
    });
  }

  /** Rule 12: nobody pays for the commands that another one has waiting. */
  #served({ node }: Call, { status, outcome }: Response, others: number): void {
    const { hostile, limits, loss, faults, clients, outstanding } = this.#cluster.options;
    if (hostile === 0) return;
    const { maxQueuedCommands, maxBatchCommands, maxOutstandingProposals } = limits;
    const callers = this.#live().filter((call) => call.node === node).length;
    const few = callers + clients * outstanding < maxQueuedCommands / 8;
    // A command that was executed may be told that the services' quota is used up.
    if (status === resourceExhausted && outcome !== "answered" && few)
      this.#cluster.fail(new Violation(`${node.peer.id} has no place for a caller beside a greedy client`));
    const most = 3 * maxBatchCommands * (maxOutstandingProposals + 1);
    const quiet = loss === 0 && Object.values(faults).every((rate) => rate === 0);
    if (quiet && outcome === "answered" && others > most)
      this.#cluster.fail(
        new Violation(
          `${node.peer.id} answers ${others} commands of a greedy client before one that waits; expected at most ${most}`,
        ),
      );
  }

  #later(arrive: () => void): void {
    const { options, streams } = this.#cluster;
    this.#cluster.later(1 + randomBelow(streams.callers, options.maxDelay), arrive);
  }

  #answered({ node, operation }: Call, answer: Response): void {
    const { checker, trace } = this.#cluster;
    const { status, message, response, slot } = answer;
    const caller = `a caller of ${node.peer.id}`;
    if (answer.outcome === "unspecified") throw new Violation(`${node.peer.id} answers without an outcome`);
    // The log refuses what came under a session that is gone, of which this caller knows nothing.
    if (answer.outcome === "not-executed" && slot > 0)
      throw new Violation(`${caller} is told of a refusal in slot ${slot} of a session that is not its own`);
    const never = answer.outcome === "not-executed" || status === unavailable;
    const outcome = never ? "not executed" : answer.outcome;
    trace.count(`call without a session ${status === 0 ? "answered" : `ended ${outcome}`}`);
    if (status === 0) trace.count("acknowledged");
    if (status === 0) checker.log.answered(caller, operation, { response, slot });
    else checker.log.failed(caller, operation, new SynodError(status, message, outcome, slot));
    if (outcome === "answered") this.#owing.delete(node);
    else this.#again(node);
  }

  /** Whoever asks after the last fault asks until there is an answer. */
  #again(node: SimulatedNode): void {
    if (this.#owing.has(node)) this.#cluster.later(10, () => this.#call(node));
  }

  /** Whatever waits in a replica has a bound in bytes. */
  #bound(node: SimulatedNode): void {
    const { maxQueuedBytes, maxOutstandingProposals, maxBatchBytes } = this.#cluster.options.limits;
    const most = maxQueuedBytes + maxOutstandingProposals * maxBatchBytes;
    let bytes = 0;
    for (const call of this.#live()) if (call.node === node) bytes += call.operation.request.length;
    if (bytes > most)
      throw new Violation(
        `${node.peer.id} keeps ${bytes} bytes of calls without a session; expected at most ${most}`,
      );
  }
}

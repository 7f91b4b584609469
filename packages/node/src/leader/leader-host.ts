import { randomInt } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import {
  type Decision,
  type FromLeader,
  type Peer,
  type Propose,
  proposalKey,
  proposalOf,
  type ToLeader,
} from "@synod/core";
import { leaderService, type Status } from "@synod/wire";
import { type Host, type HostOptions, hostServer, incarnationLimit, statusOf } from "../process/host.js";
import type { ServerStream } from "../transport/attachments.js";
import { Callers } from "../transport/callers.js";
import { windowBytes } from "../transport/channel.js";
import { dialWith } from "../transport/dial.js";
import { CallError, type Server, type UnaryCall, unary } from "../transport/server.js";
import { LeaderProcess } from "./leader-process.js";

export type LeaderHostOptions = HostOptions;

/** A leader as a service: its process, and the server in front of it. */
export class LeaderHost implements Host {
  readonly #options: LeaderHostOptions;
  readonly #process: LeaderProcess;
  readonly #callers = new Callers();
  readonly #server: Server;
  #port = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: LeaderHostOptions) {
    this.#options = options;
    const { id, clusterId, genesis, limits, logger } = options;
    this.#process = new LeaderProcess({
      ...{ id, clusterId, genesis, limits, logger },
      incarnation: randomInt(1, incarnationLimit),
      dial: dialWith(options.channelCredentials),
      random: Math.random,
      deliver: (to, message) => this.#callers.deliver(to.id, message),
      onFatal: (code, error) => options.onFatal(code, error),
    });
    this.#server = hostServer(options, () => this.status(), ["synod.v1.Leader"]);
    this.#server.grpc.addService(leaderService, {
      Attach: (call: ServerStream<FromLeader, ToLeader>) => this.#process.serve(call),
      Submit: unary((call: UnaryCall<Propose>) => this.#submit(call)),
    });
  }

  get port(): number {
    return this.#port;
  }

  /** It reaches a majority of the acceptors; whether it leads is no matter of health. */
  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#process.obstacle === "";
  }

  async start(): Promise<void> {
    this.#port = await this.#server.listen(this.#options.listen, windowBytes);
    this.#process.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { problem, peers, role } = this.#process;
    return statusOf(this.#options, this.serving, problem, peers, { role: "leader", ...role.status() });
  }

  /** The caller stands for a replica: it hears every decision, and takes the one of its proposal. */
  async #submit(call: UnaryCall<Propose>): Promise<{ response: Decision }> {
    const { request } = call;
    const proposal = proposalOf(request.value);
    if (!proposal)
      throw new CallError(
        grpc.status.INVALID_ARGUMENT,
        "Propose.value: expected a value with a proposal id, found a no-op",
      );
    const key = proposalKey(proposal);
    let peer: Peer | undefined;
    let again: NodeJS.Timeout | undefined;
    try {
      const response = await this.#callers.ask<Decision>({
        call,
        ask: (id) => {
          const from: Peer = { role: "replica", id };
          const propose = () => this.#process.post({ kind: "message", from, message: request });
          peer = from;
          this.#process.post({ kind: "connected", peer, slotOut: 0, configurations: [] });
          propose();
          // Like a replica: until it is decided (rule 14).
          const { reproposeTicks, tickMs } = this.#options.limits;
          again = setInterval(propose, reproposeTicks * tickMs);
        },
        take: (message) => {
          if (message.kind !== "decision") return undefined;
          const decided = proposalOf(message.value);
          return decided && proposalKey(decided) === key ? message : undefined;
        },
        describe: (waitedMs) => {
          const { phase } = this.#process.role.status();
          return `not decided within ${waitedMs} ms: ${this.#process.problem || `this leader is ${phase}`}`;
        },
      });
      return { response };
    } finally {
      clearInterval(again);
      if (peer) this.#process.post({ kind: "disconnected", peer });
    }
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    this.#callers.close();
    this.#process.disconnect();
    await Promise.all([this.#process.stop(), this.#server.stop()]);
  }
}

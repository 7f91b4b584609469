import * as grpc from "@grpc/grpc-js";
import type { FromAcceptor, Message, P1b, P2b, ToAcceptor } from "@synod/core";
import type { AcceptorStore } from "@synod/storage";
import { acceptorService, type Status } from "@synod/wire";
import { type Host, type HostOptions, hostServer, statusOf } from "../process/host.js";
import type { ServerStream } from "../transport/attachments.js";
import { Callers } from "../transport/callers.js";
import { windowBytes } from "../transport/channel.js";
import { CallError, type Server, type UnaryCall, unary } from "../transport/server.js";
import { AcceptorProcess } from "./acceptor-process.js";

export interface AcceptorHostOptions extends HostOptions {
  /** Opened; the host closes it. */
  readonly store: AcceptorStore;
}

/** An acceptor as a service: its process, and the server in front of it. */
export class AcceptorHost implements Host {
  readonly #options: AcceptorHostOptions;
  readonly #process: AcceptorProcess;
  readonly #callers = new Callers();
  readonly #server: Server;
  #port = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: AcceptorHostOptions) {
    this.#options = options;
    const { id, clusterId, genesis, limits, store, logger } = options;
    this.#process = new AcceptorProcess({
      ...{ id, clusterId, genesis, limits, store, logger },
      deliver: (to, message) => this.#callers.deliver(to.id, message),
      onFatal: (code, error) => options.onFatal(code, error),
    });
    this.#server = hostServer(options, () => this.status(), ["synod.v1.Acceptor"]);
    this.#server.grpc.addService(acceptorService, {
      Vote: (call: ServerStream<FromAcceptor, ToAcceptor>) => this.#process.serve(call),
      Prepare: unary((call: UnaryCall<ToAcceptor>) =>
        this.#ask<P1b>(call, (answer) => (answer.kind === "p1b" ? answer : undefined)),
      ),
      Accept: unary((call: UnaryCall<ToAcceptor>) =>
        this.#ask<P2b>(call, (answer) => (answer.kind === "p2b" ? answer : undefined)),
      ),
    });
  }

  get port(): number {
    return this.#port;
  }

  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#process.problem === "";
  }

  async start(): Promise<void> {
    this.#process.start();
    this.#port = await this.#server.listen(this.#options.listen, windowBytes);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { identity } = this.#options.store;
    const { problem, peers, role } = this.#process;
    return statusOf(this.#options, this.serving, problem, peers, {
      role: "acceptor",
      store: identity.store,
      startCount: identity.startCount,
      ...role.status(),
    });
  }

  async #ask<Answer>(
    call: UnaryCall<ToAcceptor>,
    take: (message: Message) => Answer | undefined,
  ): Promise<{ response: Answer }> {
    const { request } = call;
    if (!this.#process.hasRoom)
      throw new CallError(
        grpc.status.RESOURCE_EXHAUSTED,
        "too much waits for this acceptor's disk already; try again later",
      );
    const ask = (id: string) =>
      this.#process.post({ kind: "message", from: { role: "leader", id }, message: request });
    const describe = (waitedMs: number) =>
      `not on disk within ${waitedMs} ms: the disk is slow, or the deadline short`;
    return { response: await this.#callers.ask({ call, ask, take, describe }) };
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    this.#callers.close();
    this.#process.disconnect();
    await Promise.all([this.#process.stop(), this.#server.stop()]);
    await this.#options.store.close();
  }
}

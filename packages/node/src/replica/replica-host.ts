import { randomInt } from "node:crypto";
import type { BoundService, HandlerError, ReplicatedService } from "@synod/state-machine";
import type { ExecutionMarker, ReplicaStore } from "@synod/storage";
import { loadServices, type Status, serviceLoop } from "@synod/wire";
import type { ExecutionWatch } from "../process/execution-watch.js";
import { type Host, type HostOptions, hostServer, incarnationLimit, statusOf } from "../process/host.js";
import { dialWith } from "../transport/dial.js";
import { helloOf } from "../transport/hello-of.js";
import type { Server } from "../transport/server.js";
import { reachReplica } from "./catch-up/other-replica.js";
import { endsByRemedy, type Halt } from "./halt.js";
import { LeaderLinks } from "./leader-links.js";
import { ReplicaProcess } from "./replica-process.js";
import { ReplicaServices } from "./replica-services.js";
import { addReplicatedServices } from "./replicated-services.js";
import { drawName } from "./system-commands.js";

export interface ReplicaHostOptions extends HostOptions {
  /** Opened, with an `onFailure` that ends the process with exit code 7; the host closes it. */
  readonly store: ReplicaStore;
  /** Bound to the codecs of their own descriptors here; one that does not fit its proto is refused. */
  readonly services: readonly ReplicatedService[];
  /** Told what a handler threw that its service does not declare, besides the log. */
  readonly onHandlerError?: (failure: HandlerError) => void;
  /** The slot that is being executed, for the next start; beside the store, so there is none where that is in memory. */
  readonly marker?: ExecutionMarker | undefined;
  /** Ends the process when one command is executed for too long; the host stops it. */
  readonly watch?: ExecutionWatch | undefined;
  /** For tests. */
  readonly logClock?: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  /** Descriptor sets of services that do not come with Synod, for reflection. */
  readonly descriptorSets?: readonly Uint8Array[];
}

/** A replica as a service: its process, the server in front of it, and the streams to the leaders. */
export class ReplicaHost implements Host {
  readonly #options: ReplicaHostOptions;
  readonly #process: ReplicaProcess;
  readonly #leaders: LeaderLinks;
  readonly #front: ReplicaServices;
  readonly #server: Server;
  #port = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: ReplicaHostOptions) {
    this.#options = options;
    const services = options.services.map((service) => service.bind(loadServices));
    this.#process = this.#newProcess(services);
    this.#leaders = this.#newLinks();
    this.#front = this.#newFront();
    const names = ["synod.v1.Replica", ...services.map((service) => service.name)];
    this.#server = hostServer(options, () => this.status(), names, options.descriptorSets);
    this.#front.addTo(this.#server.grpc);
    const { requests, reads } = this.#process;
    addReplicatedServices(this.#server.grpc, services, {
      requests,
      query: (call, service, method) =>
        reads.read(call, call.request.length, () => this.#process.read(service, method, call.request)),
    });
  }

  get port(): number {
    return this.#port;
  }

  /** It knows who could decide, and has applied (nearly) all that is decided. */
  get serving(): boolean {
    return this.#port !== 0 && this.#stopping === undefined && this.#process.condition.problem === "";
  }

  async start(): Promise<void> {
    this.#port = await this.#server.listen(this.#options.listen);
    void this.#process.start(() => {
      this.#leaders.start();
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  status(): Status {
    const { condition, state } = this.#process;
    return statusOf(this.#options, this.serving, condition.problem, this.#leaders.status, state);
  }

  #newProcess(services: readonly BoundService[]): ReplicaProcess {
    const { id, clusterId, genesis, limits, store, logger, marker, watch } = this.#options;
    return new ReplicaProcess({
      ...{ id, clusterId, genesis, limits, store, services, logger, marker, watch, drawName },
      incarnation: randomInt(1, incarnationLimit),
      scheduler: serviceLoop,
      clocks: this.#options.logClock,
      random: Math.random,
      send: (leader, message) => this.#leaders.send(leader, message),
      links: () => this.#leaders.status,
      reach: (peer) => reachReplica(peer, this.#options.channelCredentials),
      onHandlerError: (failure) => {
        const { error, ...where } = failure;
        logger.error({ ...where, err: error }, "a handler failed in a way it does not declare");
        this.#options.onHandlerError?.(failure);
      },
      onHalted: (halt) => this.#halted(halt),
      onFatal: (code, error) => this.#options.onFatal(code, error),
    });
  }

  #newFront(): ReplicaServices {
    const { clusterId } = this.#options;
    const { commands, requests, reads, openings, remedies, sender } = this.#process;
    return new ReplicaServices({
      clusterId,
      ...{ requests, reads, openings, commands },
      log: (request) => this.#process.log(request),
      snapshots: sender,
      remedies,
      pace: {
        readable: () => this.#process.pace.keepsUp,
        whenReadable: (callback) => this.#process.pace.whenKeepingUp(callback),
      },
    });
  }

  #newLinks(): LeaderLinks {
    const { genesis, channelCredentials } = this.#options;
    return new LeaderLinks({
      leaders: genesis.configuration.leaders,
      dial: dialWith(channelCredentials),
      hello: () =>
        helloOf(this.#options, {
          role: "replica",
          configurations: this.#process.configurations,
          slotOut: this.#process.slotOut,
        }),
      post: (input) => this.#process.post(input),
      whenRoom: (callback) => this.#process.whenRoom(callback),
    });
  }

  #halted(halt: Halt): void {
    if (!endsByRemedy(halt)) this.#leaders?.close();
    // None is open where it halts before it has begun.
    this.#front?.end(`this replica ${halt.reason}`);
  }

  async #end(): Promise<void> {
    this.#options.onStopping?.();
    const reason = "this replica is shutting down";
    this.#process.close(reason);
    // The answers of `close` leave first.
    await new Promise((resolve) => setImmediate(resolve));
    this.#front.end(`${reason}; ask another one`);
    this.#leaders.close();
    await Promise.all([this.#process.stop(), this.#server.stop()]);
    await this.#options.watch?.stop();
    await this.#options.store.close();
    this.#options.marker?.close();
  }
}

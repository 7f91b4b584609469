import type { handleServerStreamingCall, handleUnaryCall, Server } from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  healthService,
  type Incoming,
  Invalid,
} from "@synod/wire";
import { HealthImplementation, type ServingStatus } from "grpc-health-check";
import { statusOf } from "../transport/server.js";

/** The condition that health follows: a host that says whether it can serve at this moment. */
export interface Condition {
  /** True when a quorum is reachable and this member is not behind. */
  readonly serving: boolean;
}

interface Handlers {
  readonly Check: handleUnaryCall<Incoming<HealthCheckRequest>, HealthCheckResponse>;
  readonly Watch: handleServerStreamingCall<Incoming<HealthCheckRequest>, HealthCheckResponse>;
}

/** Milliseconds between looks at the condition: a change shows within this time. */
const everyMs = 100;

/**
 * grpc.health.v1 for the process ("") and for every service it serves by name. All begin as NOT_SERVING; a service
 * that this process does not serve is NOT_FOUND.
 */
export class Health {
  readonly #implementation: HealthImplementation;
  readonly #names: readonly string[];
  #status: ServingStatus = "NOT_SERVING";
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param services full names, as in `synod.v1.Acceptor` */
  constructor(services: readonly string[]) {
    this.#names = ["", ...services];
    this.#implementation = new HealthImplementation(
      Object.fromEntries(this.#names.map((name) => [name, this.#status])),
    );
  }

  get serving(): boolean {
    return this.#status === "SERVING";
  }

  addTo(server: Server): void {
    // The library's handlers, behind the codec of every other service.
    this.#implementation.addToServer({
      addService: (_, { check, watch }) => {
        const [Check, Watch] = [check as Handlers["Check"], watch as Handlers["Watch"]];
        server.addService(healthService, {
          Check: (call: Parameters<typeof Check>[0], callback: Parameters<typeof Check>[1]) => {
            if (call.request instanceof Invalid) callback(statusOf(call.request.error));
            else Check(call, callback);
          },
          Watch: (call: Parameters<typeof Watch>[0]) => {
            if (call.request instanceof Invalid) call.emit("error", statusOf(call.request.error));
            else Watch(call);
          },
        });
      },
    });
  }

  /** Follows a condition until `stop`. `onChange` is told of every change. */
  follow(condition: Condition, onChange: (serving: boolean) => void = () => {}): void {
    const look = () => {
      const { serving } = condition;
      if (this.#stopped || serving === this.serving) return;
      this.#set(serving ? "SERVING" : "NOT_SERVING");
      onChange(serving);
    };
    look();
    this.#timer = setInterval(look, everyMs);
    this.#timer.unref();
  }

  /** NOT_SERVING for good: the first thing a stopping service says. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#set("NOT_SERVING");
  }

  #set(status: ServingStatus): void {
    this.#status = status;
    for (const name of this.#names) this.#implementation.setStatus(name, status);
  }
}

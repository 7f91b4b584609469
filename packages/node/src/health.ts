import type { Server } from "@grpc/grpc-js";
import { HealthImplementation, type ServingStatus } from "grpc-health-check";

/** What health is tied to: a host that says whether it can serve at this moment. */
export interface Condition {
  /** True when a quorum is reachable and this member is not behind. */
  readonly serving: boolean;
}

/** How often the condition is looked at: a change shows within this time. */
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
    this.#implementation.addToServer(server);
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

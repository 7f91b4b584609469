import { status as Code } from "@grpc/grpc-js";
import type { Scheduler } from "@synod/wire";
import type { Call } from "./call.js";
import { SynodError } from "./error.js";
import type { ReplicaPort } from "./port.js";

const askEveryMs = 1_000;
const answerWithinMs = 500;

/** Learns from the replicas why calls get no answer, so that a deadline ends with a reason. */
export class Troubles {
  readonly #ports: readonly ReplicaPort[];
  readonly #scheduler: Scheduler;
  #askedAt = Number.NEGATIVE_INFINITY;
  #found: { readonly text: string; readonly at: number } | undefined;

  constructor(ports: readonly ReplicaPort[], scheduler: Scheduler) {
    this.#ports = ports;
    this.#scheduler = scheduler;
  }

  /** Asks every replica for its problem, at most once a second. */
  ask(): void {
    const now = this.#scheduler.nowMs();
    if (now - this.#askedAt < askEveryMs) return;
    this.#askedAt = now;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const answers = await Promise.allSettled(this.#ports.map((port) => port.problem(answerWithinMs)));
    const problems = new Set<string>();
    for (const answer of answers) {
      if (answer.status === "fulfilled" && answer.value !== "") problems.add(answer.value);
    }
    const text = [...problems].join("; ");
    this.#found = text === "" ? undefined : { text, at: this.#scheduler.nowMs() };
  }

  /** The error of a call whose deadline passed: UNAVAILABLE when it is known why, else DEADLINE_EXCEEDED. */
  outOfTime(call: Call): SynodError {
    const found = this.#found !== undefined && this.#found.at >= call.startedAt ? this.#found.text : "";
    const why = [found, call.news].filter((text) => text !== "").join("; last news: ");
    const code = why === "" ? Code.DEADLINE_EXCEEDED : Code.UNAVAILABLE;
    const tried =
      call.sentTo.size === 0 ? "it was sent to no replica" : `it was sent to ${[...call.sentTo].join(", ")}`;
    const reason = `no answer within ${call.deadlineMs} ms (${tried})${why === "" ? "" : `: ${why}`}`;
    return new SynodError(code, reason, call.outcome);
  }
}

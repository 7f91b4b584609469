import * as grpc from "@grpc/grpc-js";
import { openSessionMethod } from "@synod/state-machine";
import type { Response, Scheduler } from "@synod/wire";
import type { Caller } from "../../transport/places.js";
import type { SystemCommands } from "../system-commands.js";
import type { Requests } from "./requests.js";
import { refusedHere } from "./unanswered.js";
import type { Group } from "./waiter.js";

/** The sessions that one connection may open: so many at once, and so many more each second. */
export interface OpeningLimits {
  readonly atOnce: number;
  readonly perSecond: number;
}

export const openingLimits: OpeningLimits = { atOnce: 100, perSecond: 10 };

export interface SessionOpeningsOptions {
  readonly requests: Pick<Requests, "submit">;
  readonly commands: SystemCommands;
  readonly scheduler: Pick<Scheduler, "nowMs">;
  readonly limits: OpeningLimits;
}

/** What a connection may still open, as of a time. */
interface Left {
  sessions: number;
  atMs: number;
}

/** Connections of which more is known than that they may open all that anybody may. */
const mostKnown = 1_024;

/**
 * Sessions for clients. Whoever opens one without end has the cluster let go of those that others use (rule 16), so each connection
 * may open only so many.
 */
export class SessionOpenings {
  readonly #options: SessionOpeningsOptions;
  readonly #left = new Map<Caller, Left>();

  constructor(options: SessionOpeningsOptions) {
    this.#options = options;
  }

  /** Has a session opened. `done` is called once; it may be called before this returns. */
  open(caller: Caller, limitMs: number, done: (response: Response) => void): Group {
    const { requests, commands } = this.#options;
    const command = commands.make(openSessionMethod);
    const waitMs = this.#take(caller);
    if (waitMs === 0) return requests.submit([command], caller, limitMs, (_, response) => done(response));
    done(refusedHere(command, grpc.status.RESOURCE_EXHAUSTED, this.#refusal(waitMs)));
    return { cancel: () => {} };
  }

  /** @returns 0 when it may open one, and otherwise the time until it may */
  #take(caller: Caller): number {
    const { scheduler, limits } = this.#options;
    const nowMs = scheduler.nowMs();
    const known = this.#left.get(caller) ?? { sessions: limits.atOnce, atMs: nowMs };
    const sessions = this.#grown(known, nowMs);
    if (sessions < 1) return Math.ceil(((1 - sessions) * 1_000) / limits.perSecond);
    if (this.#left.size >= mostKnown) this.#forget(nowMs);
    this.#left.set(caller, { sessions: sessions - 1, atMs: nowMs });
    return 0;
  }

  #grown({ sessions, atMs }: Left, nowMs: number): number {
    const { atOnce, perSecond } = this.#options.limits;
    return Math.min(atOnce, sessions + ((nowMs - atMs) * perSecond) / 1_000);
  }

  /** Lets go of those that may open all again, of which nothing need be known. */
  #forget(nowMs: number): void {
    for (const [caller, left] of this.#left)
      if (this.#grown(left, nowMs) >= this.#options.limits.atOnce) this.#left.delete(caller);
  }

  #refusal(waitMs: number): string {
    const { atOnce, perSecond } = this.#options.limits;
    return (
      `expected at most ${atOnce} sessions opened on one connection at once, and ${perSecond} a second after that; ` +
      `use one session for many commands, or try again in ${waitMs} ms`
    );
  }
}

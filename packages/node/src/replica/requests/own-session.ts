import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { openedSession, openSessionMethod } from "@synod/state-machine";
import { type Response, type Scheduler, SequenceWindow } from "@synod/wire";
import { longestWaitMs } from "../../transport/callers.js";
import type { SystemCommands } from "../system-commands.js";
import type { Waiter } from "./waiter.js";

export interface OwnSessionOptions {
  readonly commands: SystemCommands;
  readonly scheduler: Scheduler;
  execute(command: Command, limitMs: number, done: (response: Response) => void): void;
  /** A waiter has its place in the session: propose this. */
  bind(waiter: Waiter, command: Command): void;
}

/** Sequences in use at a time; below the window of a session, so that none is ever refused for it. */
const maxInUse = 1_000;

const leastCompacted = 1_024;

/** Before another attempt to open a session, when the last one was answered with an error. */
const againMs = 200;

/**
 * The session under which a replica proposes requests that name none (grpcurl): opened anew at each start (rule 16), and
 * again when the cluster let go of it. Those that find no place wait for one.
 */
export class OwnSession {
  readonly #options: OwnSessionOptions;
  #opening = false;
  /** Those that gave up waiting are among them until it is compacted. */
  #queue: Waiter[] = [];
  #compactAt = leastCompacted;
  #session: { readonly name: string; readonly window: SequenceWindow } | undefined;
  #cancelAgain: (() => void) | undefined;
  #closed = false;

  constructor(options: OwnSessionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#closed || this.#session || this.#opening) return;
    this.#opening = true;
    const { commands, scheduler, execute } = this.#options;
    execute(commands.make(openSessionMethod), longestWaitMs, (response) => {
      this.#opening = false;
      if (response.status === grpc.status.OK) {
        this.#session = { name: openedSession(response.response), window: new SequenceWindow(maxInUse) };
        this.#pump();
      } else if (!this.#closed) {
        this.#cancelAgain = scheduler.after(againMs, () => this.start());
      }
    });
  }

  enqueue(waiter: Waiter): void {
    this.#queue.push(waiter);
    if (this.#queue.length > this.#compactAt) {
      this.#queue = this.#queue.filter((each) => !each.settled);
      this.#compactAt = Math.max(leastCompacted, 2 * this.#queue.length);
    }
    this.#pump();
  }

  /** Nobody waits for a command of this session any more. */
  release(command: Command): void {
    const session = this.#session;
    if (!session || session.name !== command.clientId) return;
    session.window.settle(command.sequence);
    if (this.#queue.length > 0) queueMicrotask(() => this.#pump());
  }

  /** The cluster does not know the session any more. */
  lost(name: string): void {
    if (this.#session?.name !== name) return;
    this.#session = undefined;
    this.start();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#cancelAgain?.();
  }

  #pump(): void {
    const session = this.#session;
    if (!session) return;
    let taken = 0;
    for (const waiter of this.#queue) {
      if (session.window.full) break;
      taken++;
      if (waiter.settled) continue;
      const acknowledged = session.window.mark;
      const sequence = session.window.take() as number;
      // Whoever gave up waiting will not ask again, so its answer may go as well.
      this.#options.bind(waiter, {
        ...waiter.asked,
        clientId: session.name,
        sequence,
        acknowledged,
      });
    }
    this.#queue.splice(0, taken);
  }
}

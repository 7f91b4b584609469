import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { openedSession, openSessionMethod } from "@synod/state-machine";
import { FairQueue, type Response, type Scheduler, SequenceWindow } from "@synod/wire";
import { waitWithoutDeadlineMs } from "../../transport/callers.js";
import type { SystemCommands } from "../system-commands.js";
import type { Waiter } from "./waiter.js";

export interface OwnSessionOptions {
  readonly commands: SystemCommands;
  readonly scheduler: Scheduler;
  /** Sequences in use at a time: at most the window of a session, so that none is ever refused for it. */
  readonly maxInUse: number;
  execute(command: Command, limitMs: number, done: (response: Response) => void): void;
  /** A waiter has its place in the session: propose this. */
  bind(waiter: Waiter, command: Command): void;
}

/** Before another attempt to open a session, when the last one was answered with an error. */
const againMs = 200;

/**
 * The session under which a replica proposes requests that name none (grpcurl): opened anew at each start (rule 16), and
 * again when the cluster let go of it. Those that find no place wait for one, connections taking turns.
 */
export class OwnSession {
  readonly #options: OwnSessionOptions;
  #opening = false;
  readonly #queue = new FairQueue<Waiter>();
  #session: { readonly name: string; readonly window: SequenceWindow } | undefined;
  #cancelAgain: (() => void) | undefined;
  #closed = false;

  constructor(options: OwnSessionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#closed || this.#session || this.#opening) return;
    this.#opening = true;
    const { commands, scheduler, maxInUse, execute } = this.#options;
    execute(commands.make(openSessionMethod), waitWithoutDeadlineMs, (response) => {
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
    this.#queue.add(waiter.caller, waiter);
    this.#pump();
  }

  /** Nobody waits for it any more. */
  leave(waiter: Waiter): void {
    this.#queue.remove(waiter.caller, waiter);
  }

  /** Nobody waits for a command of this session any more. */
  release(command: Command): void {
    const session = this.#session;
    if (!session || session.name !== command.clientId) return;
    session.window.settle(command.sequence);
    if (this.#queue.size > 0) queueMicrotask(() => this.#pump());
  }

  /** The cluster does not know the session any more. */
  lost(name: string): void {
    if (this.#session?.name !== name) return;
    this.#session = undefined;
    this.start();
  }

  close(): void {
    this.#closed = true;
    this.#queue.takeAll();
    this.#cancelAgain?.();
  }

  #pump(): void {
    const session = this.#session;
    if (!session) return;
    while (!session.window.full) {
      const waiter = this.#queue.take();
      if (waiter === undefined) return;
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
  }
}

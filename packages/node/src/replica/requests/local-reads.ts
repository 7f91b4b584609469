import * as grpc from "@grpc/grpc-js";
import { FairQueue, type Scheduler } from "@synod/wire";
import { shuttingDown } from "../../transport/callers.js";
import { noPlaceText, Places } from "../../transport/places.js";
import { CallError, type UnaryCall } from "../../transport/server.js";
import { Rest } from "./rest.js";

/** While commands are asked for, reads take so much time before they rest. */
const spellMs = 5;
/** They rest for so many times as long as they took. */
const restTimes = 2;
/** Until it is looked again whether they have rested. */
const checkMs = 5;

export interface LocalReadsOptions {
  readonly scheduler: Scheduler;
  /** Somebody asks for commands. */
  readonly asked: () => boolean;
  /** Reads, and bytes of their requests, that may wait at a time. */
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
}

export type ReadCall = Pick<UnaryCall<unknown>, "peer" | "onCancelled">;

interface WaitingRead {
  run(): void;
  end(error: CallError): void;
}

/**
 * What callers read of this replica alone: its state and its log. That takes the process from those whose commands it executes, and
 * costs a caller nothing; so while anybody asks for commands, reads take turns among connections and leave most of the time
 * to the commands. Those of members who catch up do not wait here.
 */
export class LocalReads {
  readonly #options: LocalReadsOptions;
  readonly #waiting = new FairQueue<WaitingRead>();
  readonly #places: Places;
  readonly #rest: Rest;
  /** The time that reads have taken since they rested. */
  #spentMs = 0;
  #resting = false;
  #closed = false;

  constructor(options: LocalReadsOptions) {
    this.#options = options;
    const { maxWaiting = 4_096, maxWaitingBytes = 64 << 20 } = options;
    this.#places = new Places({ maxNumber: maxWaiting, maxBytes: maxWaitingBytes });
    this.#rest = new Rest(options.scheduler);
  }

  /**
   * Resolves with what `read` returns, and rejects with what it throws. Rejects with CallError where too many wait, when the
   * caller gives up, and at shutdown.
   * @param bytes of the request
   */
  read<Result>(call: ReadCall, bytes: number, read: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(this.#timed(read));
        } catch (error) {
          reject(error);
        }
      };
      if (this.#closed) reject(shuttingDown());
      else if (!this.#resting && this.#waiting.size === 0) run();
      else this.#wait(call, bytes, run, reject);
    });
  }

  close(): void {
    this.#closed = true;
    for (const each of this.#waiting.takeAll()) each.end(shuttingDown());
  }

  #wait({ peer, onCancelled }: ReadCall, bytes: number, run: () => void, end: (error: CallError) => void) {
    const none = this.#places.take(peer, bytes);
    if (none) {
      end(new CallError(grpc.status.RESOURCE_EXHAUSTED, noPlaceText(none, "reads")));
      return;
    }
    const leave = () => this.#places.leave(peer, bytes);
    const waiting: WaitingRead = {
      run: () => {
        leave();
        run();
      },
      end: (error) => {
        leave();
        end(error);
      },
    };
    this.#waiting.add(peer, waiting);
    onCancelled(() => {
      if (this.#waiting.remove(peer, waiting))
        waiting.end(new CallError(grpc.status.CANCELLED, "the caller is gone"));
    });
  }

  #timed<Result>(read: () => Result): Result {
    const { scheduler } = this.#options;
    const fromMs = scheduler.nowMs();
    try {
      return read();
    } finally {
      this.#spentMs += scheduler.nowMs() - fromMs;
      if (this.#spentMs >= spellMs && !this.#resting) this.#beginRest();
    }
  }

  /** Whatever else came in meanwhile goes first, however little is asked for. */
  #beginRest(): void {
    this.#resting = true;
    this.#rest.begin();
    this.#options.scheduler.soon(() => this.#goOn());
  }

  #goOn(): void {
    const { scheduler, asked } = this.#options;
    if (this.#closed) return;
    if (asked() && !this.#rest.lasted(restTimes * this.#spentMs)) {
      scheduler.after(checkMs, () => this.#goOn());
      return;
    }
    this.#spentMs = 0;
    this.#resting = false;
    while (!this.#resting && this.#waiting.size > 0) this.#waiting.take()?.run();
  }
}

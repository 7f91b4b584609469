import { Worker } from "node:worker_threads";
import type { HostLogger } from "./host.js";

/*
 * A handler that does not return keeps its process from doing anything at all, so another thread has to notice. The two share
 * a few numbers: the one that executes counts its commands there, and the other looks whether the count stands still within
 * a command. How long that may last is no outcome of the command, since replicas differ in speed: it only ends the process.
 */

/** The longest that one command may be executed, in milliseconds, unless told otherwise. */
export const longestCommandMs = 10_000;

/** Positions of the numbers, each an unsigned integer of 32 bits. */
export const watched = Object.freeze({
  /** Counts commands; 0 while none is executed. */
  count: 0,
  slotHigh: 1,
  slotLow: 2,
  index: 3,
  /** Of the method, as the watching thread was told. */
  method: 4,
  length: 5,
});

/** A method that is executed, told before its first command. */
export interface WatchedMethod {
  readonly id: number;
  readonly service: string;
  readonly method: string;
}

export interface WatchData {
  readonly shared: SharedArrayBuffer;
  readonly longestMs: number;
  readonly name: string;
  /** Of the marker that tells the next start; undefined when there is none. */
  readonly marker: number | undefined;
}

export interface ExecutionWatchOptions {
  /** The beginning of the last words. */
  readonly name: string;
  readonly longestMs?: number;
  readonly marker?: number | undefined;
  readonly logger: Pick<HostLogger, "error">;
}

/** Ends the process when it executes one command for too long, with words that name it. */
export class ExecutionWatch {
  readonly #numbers: Uint32Array;
  readonly #worker: Worker;
  readonly #methods = new Map<string, Map<string, number>>();
  #known = 0;
  #count = 0;

  constructor({ name, marker, logger, longestMs = longestCommandMs }: ExecutionWatchOptions) {
    const shared = new SharedArrayBuffer(4 * watched.length);
    this.#numbers = new Uint32Array(shared);
    const workerData: WatchData = { shared, longestMs, name, marker };
    // Nothing that was meant for this process alone (memory limits, loaders) is of use to a thread that only looks.
    this.#worker = new Worker(new URL("./execution-watch-thread.js", import.meta.url), {
      workerData,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32 },
    });
    this.#worker.unref();
    this.#worker.on("error", (error) =>
      logger.error(
        { err: error },
        "the watch for handlers that do not return has failed; one that does not return now hangs this process",
      ),
    );
  }

  /** The next command of a slot is about to be executed; slot 0 stands for a read of this replica's own state. */
  begin(slot: number, index: number, service: string, method: string): void {
    const numbers = this.#numbers;
    numbers[watched.slotHigh] = Math.floor(slot / 2 ** 32);
    numbers[watched.slotLow] = slot;
    numbers[watched.index] = index;
    numbers[watched.method] = this.#methods.get(service)?.get(method) ?? this.#tell(service, method);
    this.#count = (this.#count % 0xffff_ffff) + 1;
    Atomics.store(numbers, watched.count, this.#count);
  }

  /** Nothing is executed. */
  end(): void {
    Atomics.store(this.#numbers, watched.count, 0);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(service: string, method: string): number {
    const id = ++this.#known;
    const methods = this.#methods.get(service) ?? new Map<string, number>();
    this.#methods.set(service, methods.set(method, id));
    this.#worker.postMessage({ id, service, method } satisfies WatchedMethod);
    return id;
  }
}

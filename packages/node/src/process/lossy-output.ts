import { constants, fstatSync, openSync, writeSync } from "node:fs";

/** Bytes of lines that wait for an output that does not take them now; what comes beyond them is lost, and counted. */
export const maxWaitingBytes = 256 << 10;

/** An output that takes nothing now is tried again after this, also when nothing more is written. */
const againMs = 250;
const sleepMs = 5;

/** Takes the beginning of the bytes, and says how many; throws, with a code, when it takes none. */
export type TakeBytes = (bytes: Uint8Array) => number;

export interface LossyOutputOptions {
  /** The line that says, where lines are missing, how many and why; without its end. */
  readonly notice: (lost: number, reason: string) => string;
  readonly take: TakeBytes;
}

/**
 * Lines about the process, for an output that may be full, closed or stuck: what describes a process never ends it, and is never
 * waited for. Lines that it does not take now wait, up to a bound in bytes. Beyond that they are lost; as soon as it takes what
 * waits, one line says how many are missing.
 */
export class LossyOutput {
  readonly #take: TakeBytes;
  readonly #notice: LossyOutputOptions["notice"];
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #reason = "";
  #again: NodeJS.Timeout | undefined;

  constructor({ take, notice }: LossyOutputOptions) {
    this.#take = take;
    this.#notice = notice;
  }

  /** Lines lost that no line has told yet. */
  get lost(): number {
    return this.#lost;
  }

  /** In words, what is wrong while lines wait or are lost; empty when all that was written is out. */
  get trouble(): string {
    if (this.#waiting.length === 0) return "";
    return `it could not be written (${this.#reason}), and ${this.#lost} lines are lost so far`;
  }

  /** @param line with its end */
  write(line: string): void {
    const bytes = Buffer.from(line);
    // What follows a gap waits for the line that tells it.
    const fits = this.#lost === 0 && this.#waitingBytes + bytes.length <= maxWaitingBytes;
    if (fits) this.#wait(bytes);
    else this.#lost += 1;
    if (bytes.length > maxWaitingBytes) this.#reason = `longer than ${maxWaitingBytes} bytes`;
    this.#writeWaiting();
  }

  /** Waits a little for an output that is only slow: for the end of the process. */
  flush(withinMs: number): void {
    const until = performance.now() + withinMs;
    const sleeping = new Int32Array(new SharedArrayBuffer(4));
    for (;;) {
      this.#writeWaiting();
      if (this.#waiting.length === 0 || !isSlow(this.#reason) || performance.now() > until) return;
      Atomics.wait(sleeping, 0, 0, sleepMs);
    }
  }

  #wait(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #writeWaiting(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) {
        if (this.#lost === 0) return;
        this.#wait(Buffer.from(`${this.#notice(this.#lost, this.#reason)}\n`));
        this.#lost = 0;
        continue;
      }
      try {
        const taken = this.#take(first);
        this.#waitingBytes -= taken;
        if (taken === first.length) this.#waiting.shift();
        else this.#waiting[0] = first.subarray(taken);
      } catch (error) {
        this.#reason = String((error as NodeJS.ErrnoException).code ?? error);
        this.#again ??= setTimeout(() => {
          this.#again = undefined;
          this.#writeWaiting();
        }, againMs).unref();
        return;
      }
    }
  }
}

function isSlow(reason: string): boolean {
  return reason === "EAGAIN";
}

/**
 * Writes to standard output (1) or error (2) without ever waiting for a reader. A pipe or terminal is opened once more for that,
 * because a descriptor's flags are shared with the process that handed it down.
 */
export function withoutWaiting(descriptor: 1 | 2): TakeBytes {
  const own = unblocked(descriptor);
  return (bytes) => writeSync(own, bytes);
}

/** A descriptor of the same output on which no write waits. */
export function unblocked(descriptor: number): number {
  try {
    const found = fstatSync(descriptor);
    if (found.isFile()) return descriptor;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, or a pipe of another account. Node makes it one that does not block when its stream is first asked for.
    if (descriptor === 1 || descriptor === 2) void [process.stdout, process.stderr][descriptor - 1];
    return descriptor;
  }
}

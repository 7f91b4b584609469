import type { CatchingUpStatus, Scheduler, SnapshotPage } from "@synod/wire";

/** Before a transfer has gone on for so long, its pace says nothing about its end. */
const paceAfterMs = 3_000;

interface Transfer {
  readonly page: SnapshotPage;
  readonly nowMs: number;
}

export interface ProgressOptions {
  readonly scheduler: Scheduler;
  /** The slots that are lacking up to what leaders know. */
  slotsLeft(): number;
}

/** The progress of a replica that another one brings up, for people who wait for it. */
export class Progress {
  readonly #options: ProgressOptions;
  #from: string | undefined;
  #first: Transfer | undefined;
  #last: Transfer | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** A replica helps from now on. */
  begins(from: string): void {
    this.#from = from;
    this.#first = undefined;
    this.#last = undefined;
  }

  /** A page of its state is here. */
  cameIn(page: SnapshotPage): void {
    this.#last = { page, nowMs: this.#options.scheduler.nowMs() };
    this.#first ??= this.#last;
  }

  /** Its state is here: what comes in is its log. */
  installed(): void {
    this.#first = undefined;
    this.#last = undefined;
  }

  ends(): void {
    this.#from = undefined;
  }

  /** For status; undefined while nobody helps. */
  get status(): CatchingUpStatus | undefined {
    if (this.#from === undefined) return undefined;
    const { slot = 0, through = { rows: 0, ofRows: 0, bytes: 0 } } = this.#last?.page ?? {};
    const secondsLeft = this.#secondsLeft;
    const slotsLeft = this.#options.slotsLeft();
    const status = { from: this.#from, slot, ...through, slotsLeft };
    return secondsLeft === undefined ? status : { ...status, secondsLeft };
  }

  get #secondsLeft(): number | undefined {
    const [first, last] = [this.#first, this.#last];
    const [before, now] = [first?.page.through, last?.page.through];
    if (!first || !last || !before || !now) return undefined;
    const [ms, rows] = [last.nowMs - first.nowMs, now.rows - before.rows];
    if (ms < paceAfterMs || rows <= 0) return undefined;
    return Math.ceil(((now.ofRows - now.rows) * ms) / rows / 1000);
  }
}

/** The same in words, to follow "catching up from". */
export function progressText({ from, slot, rows, ofRows, bytes, secondsLeft }: CatchingUpStatus): string {
  if (slot === 0) return `the log of ${from}`;
  const part = ofRows === 0 ? "" : `${Math.floor((100 * rows) / ofRows)} % of `;
  const left = secondsLeft === undefined ? "" : `, about ${secondsLeft} s left`;
  return `${from}: ${part}its state after slot ${slot} is here (${Math.floor(bytes / 2 ** 20)} MiB${left})`;
}

import { performance } from "node:perf_hooks";

/** When things happen in a process: as its event loop has them, or a simulated one. */
export interface Scheduler {
  /** Milliseconds since some moment; never less than before. */
  nowMs(): number;
  /** Milliseconds, since some moment, that the process had nothing to do. */
  idleMs(): number;
  /** Calls once, when what the present turn of the event loop has to do is done. */
  soon(work: () => void): void;
  /** Calls once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, work: () => void): () => void;
  /** Calls every so many milliseconds, until the returned function is called. */
  every(ms: number, work: () => void): () => void;
}

export const eventLoop: Scheduler = {
  nowMs: () => performance.now(),
  idleMs: () => performance.eventLoopUtilization().idle,
  // After the sockets that are readable now, and never before a timer that is due.
  soon: (work) => void setImmediate(work),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, work) => {
    const timer = setInterval(work, ms);
    return () => clearInterval(timer);
  },
};

/** As `eventLoop`, but that a process which waits for nothing else does not wait for what comes after a while. */
export const serviceLoop: Scheduler = {
  ...eventLoop,
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The parts in which a time is counted that must not pass while the process stands still. */
const parts = 10;

/**
 * Calls once when the process has run for so many milliseconds, unless the returned function is called before. A process
 * that stood still, however long, finds its timers due before it reads what came in meanwhile; so it counts a tenth of the
 * time at most, and then reads: its own pause is nobody's silence (rule 11).
 * @param again asked after each part; true begins the time anew
 */
export function ran(scheduler: Scheduler, ms: number, again: () => boolean, work: () => void): () => void {
  let left = parts;
  let cancel = () => {};
  const next = () => {
    cancel = scheduler.after(ms / parts, () => {
      left = again() ? parts : left - 1;
      if (left > 0) next();
      else work();
    });
  };
  next();
  return () => cancel();
}

/** Resolves after so many milliseconds. */
export function passed(scheduler: Scheduler, ms: number): Promise<void> {
  return new Promise((resolve) => void scheduler.after(ms, resolve));
}

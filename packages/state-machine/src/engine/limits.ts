/** The bounds of one command. Replicated behaviour: every replica of a cluster must use the same. Sizes in bytes. */
export const commandLimits = Object.freeze({
  maxRequestBytes: 768 << 10,
  maxResponseBytes: 1 << 20,
  /** A key of a service, without what the engine puts before it. */
  maxKeyBytes: 1536,
  maxValueBytes: 1 << 20,
  /** Keys written or deleted by one command, and their bytes with the values'. */
  maxWrites: 10_000,
  maxWrittenBytes: 4 << 20,
  /** Rows that ranges give one command or query. */
  maxRangeRows: 10_000,
  /** Keys and values read by one command or query; each read counts `readRowBytes` besides. */
  maxReadBytes: 8 << 20,
  readRowBytes: 384,
  /** UTF-16 units of a declared failure's text; the rest is cut. It travels in a header, which has to stay small. */
  maxMessageLength: 512,
  /** The encoded detail message of a declared failure; travels in a header too. */
  maxDetailBytes: 4096,
});

/** The bounds of what the commands of one slot take together: of memory until it is on disk, and of time. */
export interface SlotLimits {
  /**
   * Bytes of writes, reads and answers after which the commands that follow in the batch are not executed, but proposed
   * again. One command may go beyond, so that each fits into some slot.
   */
  readonly maxBytes: number;
  /** The same for what is due in the slot; the rest runs at the end of the next ones. */
  readonly maxDueBytes: number;
  /** Counted for each row written besides its value and twice its key: the memory that it takes until it is on disk. */
  readonly writtenRowBytes: number;
  /** Counted for each answer besides its bytes. */
  readonly answerBytes: number;
}

/** Replicated behaviour: every replica of a cluster must use the same. */
export const slotLimits: SlotLimits = Object.freeze({
  maxBytes: 4 << 20,
  maxDueBytes: 4 << 20,
  writtenRowBytes: 512,
  answerBytes: 256,
});

/** The bounds of log time and of what waits for it (rule 16). Replicated behaviour. */
export const timeLimits = Object.freeze({
  /** The shortest time to live that a service should offer, in milliseconds. */
  shortestExpiryMs: 2_000,
  /** Most that one batch moves log time: a tenth of the shortest expiry. */
  maxStepMs: 200,
  /** Commands scheduled at a time, of all services. */
  maxScheduled: 100_000,
  /** Scheduled commands that run at the end of one slot; the rest runs at the end of the next ones. */
  maxDuePerSlot: 1_000,
  /** UTF-16 units of a scheduled command's id. */
  maxIdLength: 512,
});

/** The bytes of keys and values that services may store, scheduled commands included, until another quota is decided. Replicated behaviour. */
export const defaultQuotaBytes = 8 * 2 ** 30;

/** The time that others may take to judge replicas that differ, in milliseconds of log time (rule 34). Replicated behaviour. */
export const judgementPatienceMs = 5_000;

/** The distance between checkpoints, at which the state's hash is noted and reported (rules 18, 27), unless one is asked for. Replicated behaviour. */
export const checkpointLimits = Object.freeze({
  /** Slots from one checkpoint to the next, at most, while commands are executed. */
  maxSlots: 256,
  /**
   * Bytes of decided commands from one checkpoint to the next, at most. It is what acceptors have to keep besides what is
   * on its way to the replicas' disks, so with it they hold about the same at any load.
   */
  maxBytes: 2 << 20,
  /** A slot counts in multiples of so many bytes, because disks hold whole pages. */
  unitBytes: 4096,
});

/** What bounds one command. Replicated behaviour: every replica of a cluster must use the same. Sizes in bytes. */
export const commandLimits = Object.freeze({
  maxRequestBytes: 768 << 10,
  maxResponseBytes: 1 << 20,
  /** A key of a service, without what the engine puts before it. */
  maxKeyBytes: 1536,
  maxValueBytes: 1 << 20,
  /** Keys written or deleted by one command, and their bytes with the values'. */
  maxWrites: 10_000,
  maxWrittenBytes: 8 << 20,
  /** UTF-16 units of a declared failure's text; the rest is cut. It travels in a header, which has to stay small. */
  maxMessageLength: 512,
});

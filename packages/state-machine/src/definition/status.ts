/** The gRPC status codes that answers to commands carry. */
export const Status = Object.freeze({
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
});

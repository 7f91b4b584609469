/** Metadata of calls to a replicated service by name (proto/synod/v1/replica.proto). The first three come from a client that has a session; `slot` is in the trailer. */
export const metadataKeys = Object.freeze({
  clientId: "synod-client-id",
  sequence: "synod-sequence",
  acknowledged: "synod-acknowledged",
  /** "stale" reads what this replica has applied; "linearizable", which is also the default, goes through the log. */
  read: "synod-read",
  slot: "synod-slot",
  /** The encoded google.rpc.Status of a declared error; the name is gRPC's own. Trailer. */
  details: "grpc-status-details-bin",
});

import { Metadata } from "@grpc/grpc-js";

/** Metadata of calls to a replicated service by name (proto/synod/v1/replica.proto). The first three come from a client that has a session; `slot` and `outcome` are in the trailer. */
export const metadataKeys = Object.freeze({
  clientId: "synod-client-id",
  sequence: "synod-sequence",
  acknowledged: "synod-acknowledged",
  /** "stale" reads what this replica has applied; "linearizable", which is also the default, goes through the log. */
  read: "synod-read",
  slot: "synod-slot",
  /** Of any call to any role: the cluster it is meant for. In what a stream answers first, and in the trailer of a refusal: the answerer's. */
  cluster: "synod-cluster",
  /** The outcome of the command: answered, not-executed or unknown. */
  outcome: "synod-outcome",
  /** The encoded google.rpc.Status of a declared error; the name is gRPC's own. Trailer. */
  details: "grpc-status-details-bin",
});

/** Metadata of a call that is meant for this cluster; for any when none is given. */
export function meantFor(clusterId: string | undefined): Metadata {
  const metadata = new Metadata();
  if (clusterId !== undefined) metadata.set(metadataKeys.cluster, clusterId);
  return metadata;
}

/** The cluster that metadata names; undefined when it names none. */
export function clusterIn(metadata: Metadata | undefined): string | undefined {
  const [found] = metadata?.get(metadataKeys.cluster) ?? [];
  return found === undefined ? undefined : String(found);
}

/** Says that whoever is at an address is of another cluster than the one meant. Both ids stand in it. */
export function anotherCluster(who: string, theirs: string, meant: string): string {
  return `${who} belongs to cluster ${theirs}, and cluster ${meant} was meant: check the addresses; a cluster made anew is another one`;
}

import * as grpc from "@grpc/grpc-js";
import { anotherCluster, clusterIn, meantFor, metadataKeys } from "@synod/wire";
import { servesOneByOne } from "./calls-under-way.js";

/** The reason why a call is not served here: it is meant for another cluster (rule 28). Undefined when it may be. */
export function notMeantHere(who: string, clusterId: string, metadata: grpc.Metadata) {
  const meant = clusterIn(metadata);
  if (meant === undefined || meant === clusterId) return undefined;
  const refusal = meantFor(clusterId);
  refusal.set(metadataKeys.outcome, "not-executed");
  return {
    name: "Error",
    message: "",
    code: grpc.status.FAILED_PRECONDITION,
    details: anotherCluster(who, clusterId, meant),
    metadata: refusal,
  };
}

/** The part of a server's call that every kind of method has. */
interface AnyCall {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
  on(event: "error", listener: () => void): unknown;
  emit(event: "error", status: object): unknown;
}

type AnyHandler = (call: AnyCall, callback?: (status: object) => void) => void;

/**
 * A server of one cluster's member. Whatever is added to it, health and reflection included, is asked only by callers who
 * mean this cluster or say none; streams tell the caller which cluster answers, before anything else.
 */
export class ServerOfCluster extends grpc.Server {
  readonly #who: string;
  readonly #clusterId: string;

  constructor(options: grpc.ServerOptions, who: string, clusterId: string) {
    super(options);
    this.#who = who;
    this.#clusterId = clusterId;
  }

  override addService(service: grpc.ServiceDefinition, implementation: grpc.UntypedServiceImplementation) {
    const checked: grpc.UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(service)) {
      const found = implementation[name] ?? implementation[method.originalName ?? name];
      if (found === undefined) continue;
      const handler = found.bind(implementation) as unknown as AnyHandler;
      const streams = method.requestStream || method.responseStream;
      checked[name] = ((call, callback) =>
        this.#serve(handler, streams, call, callback)) as AnyHandler as never;
    }
    super.addService(service, checked);
  }

  #serve(handler: AnyHandler, streams: boolean, call: AnyCall, callback?: (status: object) => void): void {
    const refusal = notMeantHere(this.#who, this.#clusterId, call.metadata);
    if (refusal === undefined) {
      if (streams) call.sendMetadata(meantFor(this.#clusterId));
      servesOneByOne(call);
      handler(call, callback);
      return;
    }
    call.on("error", () => {});
    if (callback) callback(refusal);
    else call.emit("error", refusal);
  }
}

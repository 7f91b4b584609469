import { type Method, type MethodShape, methodOf } from "./calls.js";
import type { Codec } from "./codec.js";
import {
  acceptRequest,
  acceptResponse,
  fromAcceptor,
  prepareRequest,
  prepareResponse,
  toAcceptor,
} from "./codec-acceptor.js";
import { healthCheckRequest, healthCheckResponse } from "./codec-health.js";
import { fromLeader, submitRequest, submitResponse, toLeader } from "./codec-leader.js";
import {
  decideRemedyRequest,
  decideRemedyResponse,
  holdSlotRequest,
  holdSlotResponse,
  logRequest,
  logResponse,
  openSessionRequest,
  openSessionResponse,
  setQuotaRequest,
  setQuotaResponse,
  switchVersionRequest,
  switchVersionResponse,
} from "./codec-replica.js";
import { request, requests } from "./codec-request.js";
import { response, responses } from "./codec-response.js";
import { snapshotPage, snapshotRequest } from "./codec-snapshot.js";
import { statusRequest, statusResponse } from "./codec-status.js";
import { services } from "./descriptors.js";

/** Path and streaming come from the proto file. */
function shapeOf(service: string, name: string): MethodShape {
  const found = services.find((each) => each.name === service)?.methods.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${service}/${name}: no such method in the proto files`);
  return {
    path: `/${service}/${name}`,
    requestStream: found.clientStreaming === true,
    responseStream: found.serverStreaming === true,
  };
}

function method<Request, Response>(
  service: string,
  name: string,
  requests: Codec<Request>,
  responses: Codec<Response>,
): Method<Request, Response> {
  return methodOf(shapeOf(service, name), requests, responses);
}

/*
 * For Server.addService, and, method by method, for `openStream` and `callUnary`. Messages are of the domain: the core's
 * types, and those this package declares.
 */
export const acceptorService = {
  Vote: method("synod.v1.Acceptor", "Vote", toAcceptor, fromAcceptor),
  Prepare: method("synod.v1.Acceptor", "Prepare", prepareRequest, prepareResponse),
  Accept: method("synod.v1.Acceptor", "Accept", acceptRequest, acceptResponse),
};

export const leaderService = {
  Attach: method("synod.v1.Leader", "Attach", toLeader, fromLeader),
  Submit: method("synod.v1.Leader", "Submit", submitRequest, submitResponse),
};

export const replicaService = {
  OpenSession: method("synod.v1.Replica", "OpenSession", openSessionRequest, openSessionResponse),
  Execute: method("synod.v1.Replica", "Execute", request, response),
  ExecuteStream: method("synod.v1.Replica", "ExecuteStream", requests, responses),
  Log: method("synod.v1.Replica", "Log", logRequest, logResponse),
  Snapshot: method("synod.v1.Replica", "Snapshot", snapshotRequest, snapshotPage),
  SetQuota: method("synod.v1.Replica", "SetQuota", setQuotaRequest, setQuotaResponse),
  SwitchVersion: method("synod.v1.Replica", "SwitchVersion", switchVersionRequest, switchVersionResponse),
  HoldSlot: method("synod.v1.Replica", "HoldSlot", holdSlotRequest, holdSlotResponse),
  DecideRemedy: method("synod.v1.Replica", "DecideRemedy", decideRemedyRequest, decideRemedyResponse),
};

export const clusterService = {
  Status: method("synod.v1.Cluster", "Status", statusRequest, statusResponse),
};

export const healthService = {
  Check: method("grpc.health.v1.Health", "Check", healthCheckRequest, healthCheckResponse),
  Watch: method("grpc.health.v1.Health", "Watch", healthCheckRequest, healthCheckResponse),
};

import { maxServiceLength } from "./check.js";
import { type Codec, codec } from "./codec.js";
import { messageType } from "./descriptors.js";
import type * as wire from "./gen-types.js";
import { shown, WireError } from "./wire-error.js";

/*
 * grpc.health.v1 is gRPC's and is served by a library, whose own parser is lenient. Its messages are read as strictly as
 * Synod's own.
 */

export interface HealthCheckRequest {
  /** Full name of a service; empty for the whole process. */
  readonly service: string;
}

export const healthCheckRequest: Codec<HealthCheckRequest> = codec(
  messageType<wire.HealthCheckRequest>("grpc.health.v1.HealthCheckRequest"),
  {
    toWire: ({ service }) => ({ service }),
    // Any text may be asked for; what is not served is NOT_FOUND, and that answer repeats the name.
    fromWire: (message, field) => {
      const service = message?.service ?? "";
      if (service.length <= maxServiceLength) return { service };
      throw new WireError(`${field}.service`, `at most ${maxServiceLength} characters`, shown(service));
    },
  },
);

/** By the numbers of the enum in health.proto. */
const servingStatuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

export interface HealthCheckResponse {
  readonly status: (typeof servingStatuses)[number];
}

export const healthCheckResponse: Codec<HealthCheckResponse> = codec(
  messageType<wire.HealthCheckResponse>("grpc.health.v1.HealthCheckResponse"),
  {
    toWire: ({ status }) => ({ status: servingStatuses.indexOf(status) as wire.ServingStatus }),
    // An enum may grow: a number not known here says as little as none.
    fromWire: (message) => ({ status: servingStatuses[Number(message?.status ?? 0)] ?? "UNKNOWN" }),
  },
);

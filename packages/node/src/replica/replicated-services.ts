import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { BoundService } from "@synod/state-machine";
import { isName, metadataKeys, type Response, type ResponseOutcome } from "@synod/wire";
import { waitMs } from "../transport/callers.js";
import { CallError, type UnaryCall, unary } from "../transport/server.js";
import type { Requests } from "./requests/requests.js";
import type { Group } from "./requests/waiter.js";

/** Resolves with the answer to one command; throws CallError when its status is not 0. */
export function executeOne(
  requests: Requests,
  call: UnaryCall<unknown>,
  command: Command,
): Promise<Response> {
  return answered(call, (limitMs, done) =>
    requests.submit([command], call.peer, limitMs, (_, response) => done(response)),
  );
}

/** As `executeOne`, of a command that `ask` hands over. */
export async function answered(
  call: UnaryCall<unknown>,
  ask: (limitMs: number, done: (response: Response) => void) => Group,
): Promise<Response> {
  const response = await new Promise<Response>((resolve) => {
    const group = ask(waitMs(call), resolve);
    call.onCancelled(() => group.cancel());
  });
  return succeeded(response);
}

function succeeded(response: Response): Response {
  if (response.status === grpc.status.OK) return response;
  const trailer = answerTrailer(response);
  if (response.details !== undefined) trailer.set(metadataKeys.details, asBuffer(response.details));
  throw new CallError(response.status, response.message, trailer);
}

function readsStale(metadata: grpc.Metadata): boolean {
  const [read = "linearizable"] = metadata.get(metadataKeys.read);
  if (read === "linearizable" || read === "stale") return read === "stale";
  throw new CallError(
    grpc.status.INVALID_ARGUMENT,
    `metadata ${metadataKeys.read}: expected linearizable or stale, found "${read}"`,
  );
}

export function answerTrailer({ slot, outcome }: Response): grpc.Metadata {
  const trailer = outcomeTrailer(outcome);
  if (slot > 0) trailer.set(metadataKeys.slot, String(slot));
  return trailer;
}

function outcomeTrailer(outcome: ResponseOutcome): grpc.Metadata {
  const trailer = new grpc.Metadata();
  trailer.set(metadataKeys.outcome, outcome);
  return trailer;
}

/** The trailer of calls that would execute a command and end before one was proposed. */
export const refusedHere: grpc.Metadata = outcomeTrailer("not-executed");

export interface ReplicatedServicesOptions {
  readonly requests: Requests;
  /** Reads this replica's own state. */
  query(call: UnaryCall<Uint8Array>, service: string, method: string): Promise<Response>;
}

/**
 * Serves replicated services by name: each unary call is one command, its request's bytes carried as they came, unless
 * the caller asks for a stale read, which this replica answers alone.
 */
export function addReplicatedServices(
  server: grpc.Server,
  services: readonly BoundService[],
  { requests, query }: ReplicatedServicesOptions,
): void {
  for (const service of services) {
    const definition: Record<string, grpc.MethodDefinition<Uint8Array, Uint8Array>> = {};
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const method of service.methodNames) {
      definition[method] = rawMethod(`/${service.name}/${method}`);
      handlers[method] = unary<Uint8Array, Uint8Array>(async (call) => {
        const response = readsStale(call.metadata)
          ? succeeded(await query(call, service.name, method))
          : await executeOne(requests, call, commandOf(call, service.name, method));
        return { response: response.response, trailer: answerTrailer(response) };
      }, refusedHere);
    }
    for (const watch of service.watchNames) {
      definition[watch] = rawMethod(`/${service.name}/${watch}`, true);
      handlers[watch] = (call: grpc.ServerWritableStream<Uint8Array, Uint8Array>) => {
        const details = `${service.name}/${watch} is a watch; this version of Synod declares watches and does not serve them yet`;
        call.emit("error", { code: grpc.status.UNIMPLEMENTED, details });
      };
    }
    server.addService(definition, handlers);
  }
}

/** A method with one request, whose messages are bytes. */
function rawMethod(path: string, responseStream = false): grpc.MethodDefinition<Uint8Array, Uint8Array> {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

/** grpc-js copies what it sends with a method that only Buffers have. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function commandOf(call: UnaryCall<Uint8Array>, service: string, method: string): Command {
  const [clientId] = call.metadata.get(metadataKeys.clientId);
  const request = call.request;
  if (clientId === undefined) return { clientId: "", sequence: 0, acknowledged: 0, service, method, request };
  if (typeof clientId !== "string" || !isName(clientId))
    throw new CallError(
      grpc.status.INVALID_ARGUMENT,
      `metadata ${metadataKeys.clientId}: expected the name of a session, found "${clientId}"`,
    );
  const sequence = integer(call.metadata, metadataKeys.sequence, 1, undefined);
  const acknowledged = integer(call.metadata, metadataKeys.acknowledged, 0, 0);
  return { clientId, sequence, acknowledged, service, method, request };
}

function integer(metadata: grpc.Metadata, key: string, least: number, absent: number | undefined): number {
  const [text] = metadata.get(key);
  if (text === undefined && absent !== undefined) return absent;
  const value = Number(text);
  if (typeof text === "string" && /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= least)
    return value;
  throw new CallError(
    grpc.status.INVALID_ARGUMENT,
    `metadata ${key}: expected a whole number from ${least} beside ${metadataKeys.clientId}, found ${text === undefined ? "nothing" : `"${text}"`}`,
  );
}

import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { openedSession, setQuotaMethod, switchVersionMethod } from "@synod/state-machine";
import {
  type DecideRemedyRequest,
  type HoldSlotRequest,
  type LogPage,
  type LogRequest,
  type OpenedSession,
  type Response,
  replicaService,
  type SetQuotaRequest,
  type SwitchVersionRequest,
} from "@synod/wire";
import { waitMs } from "../transport/callers.js";
import { type UnaryAnswer, type UnaryCall, unary } from "../transport/server.js";
import type { SnapshotCall, SnapshotSender } from "./catch-up/snapshot-sender.js";
import { answered, answerTrailer, executeOne, refusedHere } from "./replicated-services.js";
import {
  ExecuteStream,
  type ExecuteStreamCall,
  type ExecuteStreamOptions,
} from "./requests/execute-stream.js";
import type { LocalReads } from "./requests/local-reads.js";
import type { Requests } from "./requests/requests.js";
import type { SessionOpenings } from "./requests/session-openings.js";
import { unreadPlaces } from "./requests/unread-answers.js";
import type { SlotRemedies } from "./slot-remedies.js";
import type { SystemCommands } from "./system-commands.js";

export interface ReplicaServicesOptions {
  readonly clusterId: string;
  readonly requests: Requests;
  readonly reads: LocalReads;
  readonly openings: SessionOpenings;
  readonly commands: SystemCommands;
  /** A part of the decided log. Throws CallError. */
  readonly log: (request: LogRequest) => LogPage;
  readonly snapshots: SnapshotSender;
  readonly remedies: SlotRemedies;
  /** The pace of clients' streams: whether they may be read on, and a call when they may again. */
  readonly pace: Pick<ExecuteStreamOptions, "readable" | "whenReadable">;
}

/** Of a request for the log that waits, roughly. */
const requestBytes = 256;

/** The methods of synod.v1.Replica for clients. */
export class ReplicaServices {
  readonly #options: ReplicaServicesOptions;
  readonly #streams = new Set<ExecuteStream>();
  /** Answers that the streams' clients have not taken. */
  readonly #unread = unreadPlaces();

  constructor(options: ReplicaServicesOptions) {
    this.#options = options;
  }

  addTo(server: grpc.Server): void {
    server.addService(replicaService, {
      OpenSession: unary((call: UnaryCall<unknown>) => this.#openSession(call), refusedHere),
      Execute: unary((call: UnaryCall<Command>) => this.#execute(call), refusedHere),
      ExecuteStream: (call: ExecuteStreamCall) => this.#executeStream(call),
      Log: unary((call: UnaryCall<LogRequest>) => this.#log(call)),
      Snapshot: (call: SnapshotCall) => void this.#options.snapshots.serve(call),
      SetQuota: unary(
        (call: UnaryCall<SetQuotaRequest>) => this.#decide(call, setQuotaMethod, call.request),
        refusedHere,
      ),
      SwitchVersion: unary(
        (call: UnaryCall<SwitchVersionRequest>) => this.#decide(call, switchVersionMethod, call.request),
        refusedHere,
      ),
      HoldSlot: unary((call: UnaryCall<HoldSlotRequest>) => this.#options.remedies.hold(call.request)),
      DecideRemedy: unary(
        (call: UnaryCall<DecideRemedyRequest>) => this.#options.remedies.decide(call),
        refusedHere,
      ),
    });
  }

  /** Ends the streams that are open. */
  end(reason: string): void {
    for (const stream of this.#streams) stream.end(grpc.status.UNAVAILABLE, reason);
  }

  async #openSession(call: UnaryCall<unknown>): Promise<UnaryAnswer<OpenedSession>> {
    const { openings, clusterId } = this.#options;
    const answer = await answered(call, (limitMs, done) => openings.open(call.peer, limitMs, done));
    const response = { clientId: openedSession(answer.response), clusterId };
    return { response, trailer: answerTrailer(answer) };
  }

  /** Has one of Synod's own commands decided that says something. */
  async #decide(
    call: UnaryCall<unknown>,
    method: string,
    said: SwitchVersionRequest | SetQuotaRequest,
  ): Promise<UnaryAnswer<{ slot: number }>> {
    const { requests, commands } = this.#options;
    const answer = await executeOne(requests, call, commands.make(method, said));
    return { response: { slot: answer.slot }, trailer: answerTrailer(answer) };
  }

  /** The command's own status stands in the response; the call itself fails only when there is none. */
  async #execute(call: UnaryCall<Command>): Promise<{ response: Response }> {
    const response = await new Promise<Response>((resolve) => {
      const group = this.#options.requests.submit([call.request], call.peer, waitMs(call), (_, answer) =>
        resolve(answer),
      );
      call.onCancelled(() => group.cancel());
    });
    return { response };
  }

  async #log(call: UnaryCall<LogRequest>): Promise<UnaryAnswer<LogPage>> {
    const { log, reads } = this.#options;
    const { request } = call;
    if (request.reader !== undefined) return { response: log(request) };
    return { response: await reads.read(call, requestBytes, () => log(request)) };
  }

  #executeStream(call: ExecuteStreamCall): void {
    const stream = new ExecuteStream(call, {
      ...this.#options.pace,
      requests: this.#options.requests,
      onEnded: (ended) => this.#streams.delete(ended),
      unread: this.#unread,
    });
    this.#streams.add(stream);
  }
}

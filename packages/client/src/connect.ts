import * as grpc from "@grpc/grpc-js";
import type { Reply } from "./call.js";
import { CommandClient } from "./client.js";
import { MeantCluster } from "./meant-cluster.js";
import { GrpcReplica } from "./replica-port.js";
import { type ClientSettings, defaultSettings } from "./settings.js";
import { typed } from "./typed.js";

export interface ConnectOptions extends Partial<ClientSettings> {
  /** host:port of one or more replicas of one cluster; the first is used as long as it answers. */
  readonly replicas: readonly string[];
  /** The id of the cluster that is meant, as `synod status` shows it. Unless given, that of the replica that answers first. */
  readonly cluster?: string;
  /** Without TLS unless given. */
  readonly credentials?: grpc.ChannelCredentials;
}

export interface CallSettings {
  /** Milliseconds from the call to its end with an error. */
  readonly deadlineMs?: number;
}

/** A connection to a cluster, under one session: every command is executed at most once, however often it is sent. */
export interface Client {
  /** The session that new commands run under; undefined until the first command has opened one. */
  readonly clientId: string | undefined;
  /**
   * The id of the cluster whose client this is; undefined until it is known. Replicas of any other are not used, not of one
   * made anew at the same addresses either: calls fail with FAILED_PRECONDITION when no other replica is left.
   */
  readonly cluster: string | undefined;
  /**
   * Has one command decided and executed. Many calls may be outstanding.
   * @param service full name, e.g. `synod.kv.v1.KeyValue`
   * @param request the encoded request message
   * @returns the encoded response message, and the slot that decided the command
   * @throws SynodError with the reason, when the command failed or the deadline passed; `outcome` says what is known.
   *   OutcomeUnknown when the session is gone.
   */
  execute(service: string, method: string, request: Uint8Array, settings?: CallSettings): Promise<Reply>;
  /**
   * The methods of a service this package knows, with plain objects for messages: 64-bit integers are decimal strings,
   * bytes are Uint8Arrays. `Methods` is the caller's own description of them.
   */
  service<Methods extends object>(name: string): Methods;
  /** Ends all calls with an error, and the connections. */
  close(): void;
}

/** Connects when the first command is executed. Throws TypeError when there is no address. */
export function connect(options: ConnectOptions): Client {
  const { replicas, cluster, credentials = grpc.credentials.createInsecure(), ...settings } = options;
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const meant = new MeantCluster(cluster);
  const ports = replicas.map((address) => new GrpcReplica(address, credentials, meant));
  const commands = new CommandClient(ports, { ...defaultSettings, ...given });
  const execute: Client["execute"] = (service, method, request, call = {}) =>
    commands.execute(service, method, request, call.deadlineMs);
  return {
    get clientId() {
      return commands.clientId;
    },
    get cluster() {
      return meant.id;
    },
    execute,
    service: <Methods extends object>(name: string) => typed<Methods>(name, execute),
    close: () => commands.close(),
  };
}

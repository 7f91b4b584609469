import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import { type PlainMessage, type Response, replicaService } from "@synod/wire";
import { builtInMethod } from "../../src/log/request-json.js";

/** A replica that answers every command of a built-in service with nothing but its defaults. */
export interface FakeStore {
  readonly address: string;
  /** The requests that it was sent. */
  readonly requests: PlainMessage[];
  stop(): void;
}

export async function startFakeStore(): Promise<FakeStore> {
  const server = new grpc.Server();
  const requests: PlainMessage[] = [];
  const answer = ({ clientId, sequence, service, method, request }: Command): Response => {
    requests.push(builtInMethod(service, method).decodeRequest(request));
    const nothing = { message: "", response: new Uint8Array(), slot: 1 };
    return { clientId, sequence, status: grpc.status.OK, ...nothing, outcome: "answered" };
  };
  const { OpenSession, ExecuteStream } = replicaService;
  server.addService({ OpenSession, ExecuteStream } as never, {
    OpenSession: (_: unknown, answered: grpc.sendUnaryData<object>) =>
      answered(null, { clientId: "1.0.c", clusterId: "c" }),
    ExecuteStream: (stream: grpc.ServerDuplexStream<Command[], Response[]>) => {
      stream.on("data", (commands: Command[]) => stream.write(commands.map(answer)));
      stream.on("end", () => stream.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, found: number) => (error ? reject(error) : resolve(found));
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), bound);
  });
  return { address: `127.0.0.1:${port}`, requests, stop: () => server.forceShutdown() };
}

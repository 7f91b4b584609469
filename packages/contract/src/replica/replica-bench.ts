import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Message, rpcOf } from "../suite/message.js";
import type { Answer, Target } from "../suite/target.js";

export const keyValue = "synod.kv.v1.KeyValue";

export async function openSession(context: Context): Promise<string> {
  const { clientId } = await context.target("replica").call("synod.v1.Replica/OpenSession", {});
  holds(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(clientId), "client_id", "a name", clientId);
  return clientId;
}

/** A key of this run that nobody has used. */
export function aKey(context: Context): string {
  return `contract/${context.run}/${context.next()}`;
}

export function bytes(size = 12): Buffer {
  return randomBytes(size);
}

export function commandOf(
  clientId: string,
  sequence: number,
  method: string,
  request: Message,
  acknowledged = 0,
): Message {
  return {
    clientId,
    sequence,
    acknowledged,
    service: keyValue,
    method,
    request: rpcOf(`${keyValue}/${method}`).encode(request),
  };
}

/** The message in a Response of one of the key-value methods, which must have succeeded. */
export function resultOf(method: string, response: Message): Message {
  const { status, message, outcome } = response;
  const said = `status, message and outcome of ${method}`;
  equal([status, message, outcome], [0, "", "OUTCOME_ANSWERED"], said);
  return rpcOf(`${keyValue}/${method}`).decode(response.response);
}

/** A way in which commands reach a replica. Both ways must mean the same. */
export interface Way {
  readonly rpc: string;
  /** Sends the commands in order, without waiting for answers between them. Resolves with the answers in the same order. */
  execute(target: Target, commands: readonly Message[]): Promise<Message[]>;
}

export const unaryWay: Way = {
  rpc: "Replica.Execute",
  execute: (target, commands) =>
    Promise.all(commands.map((command) => target.call("synod.v1.Replica/Execute", { command }))),
};

export const streamWay: Way = {
  rpc: "Replica.ExecuteStream",
  execute: async (target, commands) => {
    const stream = target.open("synod.v1.Replica/ExecuteStream");
    stream.send({ requests: commands.map((command) => ({ command })) });
    const answers: Message[] = [];
    while (answers.length < commands.length) {
      const { responses } = await stream.next("responses", () => true);
      answers.push(...responses);
    }
    stream.close();
    equal(answers.length, commands.length, "responses");
    return commands.map(({ clientId, sequence }) => {
      const index = answers.findIndex((one) => one.clientId === clientId && one.sequence === sequence);
      holds(index >= 0, `responses on the stream`, `one for sequence ${sequence} of ${clientId}`, answers);
      return answers.splice(index, 1)[0] as Message;
    });
  },
};

export async function executeOne(context: Context, way: Way, command: Message): Promise<Message> {
  const [response] = await way.execute(context.target("replica"), [command]);
  equal([response?.clientId, response?.sequence], [command.clientId, command.sequence], "whose answer it is");
  return response as Message;
}

/** The replicas of the cluster, the one under test first. */
export async function replicasOf(context: Context): Promise<Target[]> {
  const target = context.target("replica");
  const { id, configuration } = await target.status();
  const members: { id: string; address: string }[] = configuration?.replicas ?? [];
  const others: Target[] = [];
  for (const member of members) if (member.id !== id) others.push(await context.member(member));
  return [target, ...others];
}

/** A key-value call by name, as grpcurl would make it. */
export function kv(context: Context, method: string, request: Message): Promise<Message> {
  return context.target("replica").call(`${keyValue}/${method}`, request);
}

/** A call by name within a session. */
export function callWithin(
  context: Context,
  rpc: string,
  request: Message,
  clientId: string,
  sequence: number,
  acknowledged = 0,
): Promise<Answer> {
  return context.target("replica").ask(rpc, request, {
    metadata: {
      "synod-client-id": clientId,
      "synod-sequence": String(sequence),
      "synod-acknowledged": String(acknowledged),
    },
  });
}

export async function storedValue(context: Context, key: string): Promise<Buffer | undefined> {
  const { found, value } = await kv(context, "Get", { key });
  return found ? value : undefined;
}

/** The replica's part of its status. */
export async function replicaState(context: Context): Promise<Message> {
  const { replica } = await context.target("replica").status();
  holds(replica !== null && replica !== undefined, "Status.state", "that of a replica", replica);
  return replica;
}

/** By the numbers that a Response carries. */
export const codes = grpc.status;

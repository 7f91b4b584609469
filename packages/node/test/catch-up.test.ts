import * as grpc from "@grpc/grpc-js";
import type { Decision } from "@synod/core";
import { replicaService, serviceLoop } from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CatchUp } from "../src/replica/catch-up/catch-up.js";
import { reachReplica } from "../src/replica/catch-up/other-replica.js";
import { Server, unary } from "../src/transport/server.js";

describe("a replica that catches up", () => {
  let peer: Server | undefined;
  afterEach(() => peer?.stop());

  /** A replica that asks nobody what is meant, of some cluster, with one decision. */
  async function peerOf(clusterId: string) {
    const decision: Decision = { kind: "decision", slot: 1, value: { kind: "no-op" } };
    const asked: string[] = [];
    const server = new Server(grpc.ServerCredentials.createInsecure(), "r2", clusterId);
    peer = server;
    server.grpc.addService(
      { Log: replicaService.Log },
      {
        Log: unary((call: { request: { clusterId: string } }) => {
          asked.push(call.request.clusterId);
          return { response: { decisions: [decision], next: 0, clusterId } };
        }),
      },
    );
    const learnt: number[] = [];
    const said: string[] = [];
    const note = (fields: object, text: string) =>
      said.push(`${text}: ${(fields as { err?: Error }).err?.message ?? ""}`);
    const catchUp = new CatchUp({
      clusterId: "ours",
      peers: [{ id: "r2", address: `127.0.0.1:${await server.listen("127.0.0.1:0")}` }],
      reach: (member) => reachReplica(member, grpc.credentials.createInsecure()),
      scheduler: serviceLoop,
      random: Math.random,
      logger: { debug: () => {}, info: note, warn: note, error: note },
      receiver: { receive: () => Promise.reject(new Error("no snapshot")) } as never,
      slotOut: () => 1 + learnt.length,
      introduced: () => false,
      trimmedBelow: () => 2,
      learn: ({ slot }) => learnt.push(slot) > 0,
      whenRoom: (callback) => callback(),
    });
    catchUp.tick();
    return { asked, learnt, said, catchUp };
  }

  test("takes the log of a peer of its cluster, whose name it gives", async () => {
    const { asked, learnt, catchUp } = await peerOf("ours");
    await vi.waitFor(() => expect(learnt).toEqual([1]));
    expect(asked).toEqual(["ours"]);
    catchUp.close();
  });

  test("takes nothing from another cluster's replica that answers at a peer's address", async () => {
    const { learnt, said, catchUp } = await peerOf("theirs");
    await vi.waitFor(() =>
      expect(said.join()).toContain("belongs to cluster theirs, and cluster ours was meant"),
    );
    expect(learnt).toEqual([]);
    catchUp.close();
  });
});

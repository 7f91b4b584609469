import * as grpc from "@grpc/grpc-js";
import { MemoryReplicaDisk } from "@synod/storage";
import {
  type Incoming,
  replicaService,
  type SnapshotPage,
  type SnapshotRequest,
  serviceLoop,
} from "@synod/wire";
import { afterEach, expect, test } from "vitest";
import { type OtherReplica, reachReplica } from "../src/replica/catch-up/other-replica.js";
import { nextDigest, noDigest } from "../src/replica/catch-up/snapshot-digest.js";
import { SnapshotReceiver } from "../src/replica/catch-up/snapshot-receiver.js";

const key = (text: string) => Buffer.from(`a${text}`);
const entries = [[key("1"), Buffer.from("one")] as const, [key("2"), Buffer.from("two")] as const];
const page: SnapshotPage = {
  snapshot: "9-new",
  slot: 9,
  clusterId: "c",
  entries,
  digest: nextDigest(noDigest, entries),
  last: true,
  confirmed: 9,
};

let server: grpc.Server | undefined;
let other: OtherReplica | undefined;

afterEach(() => {
  other?.close();
  server?.forceShutdown();
});

/** A replica that has one page to give, and refuses to go on after a key. */
async function sender(refusal: grpc.status): Promise<{ other: OtherReplica; asked: SnapshotRequest[] }> {
  const asked: SnapshotRequest[] = [];
  const { Snapshot } = replicaService;
  server = new grpc.Server();
  server.addService(
    { Snapshot },
    {
      Snapshot: (call: grpc.ServerWritableStream<Incoming<SnapshotRequest>, Incoming<SnapshotPage>>) => {
        const request = call.request as SnapshotRequest;
        asked.push(request);
        if (request.resume && request.resume.after.length > 0) {
          call.emit("error", { code: refusal, details: "no" });
          return;
        }
        call.write(page);
        call.end();
      },
    },
  );
  const bound = server;
  const port = await new Promise<number>((resolve, reject) => {
    bound.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, found) =>
      error ? reject(error) : resolve(found),
    );
  });
  const member = { id: "r1", address: `127.0.0.1:${port}` };
  other = reachReplica(member, grpc.credentials.createInsecure());
  return { other, asked };
}

async function interrupted() {
  const store = new MemoryReplicaDisk({ store: "s" }).open({
    id: "r2",
    clusterId: "c",
    flushEveryMs: 5,
    onFailure: (error) => {
      throw error;
    },
  });
  const install = await store.beginInstall({ id: "r1/9-new", slot: 9, progress: noDigest });
  await install.put([[key("0"), Buffer.from("never sent")]], nextDigest(noDigest, []));
  const receiver = new SnapshotReceiver({
    store,
    engine: { system: { examines: () => false, objectionTo: () => undefined } } as never,
    clusterId: "c",
    replica: "r2",
    scheduler: serviceLoop,
    appliedSlot: () => 0,
    mayApply: () => {},
    replaced: () => {},
  });
  return { store, receiver };
}

test.each([["NOT_FOUND"], ["DATA_LOSS"]] as const)(
  "a snapshot that the sender will not go on with (%s) is begun again, without what had arrived",
  async (status) => {
    const { other, asked } = await sender(grpc.status[status]);
    const { store, receiver } = await interrupted();
    await receiver.receive(other, "r1");
    expect(asked.map(({ resume }) => resume?.after.length)).toEqual([0, 2, undefined]);
    const found = [...store.state.range({ from: new Uint8Array() })].map(([stored]) => String(stored));
    expect(found).toEqual(["a1", "a2"]);
    await store.close();
  },
);

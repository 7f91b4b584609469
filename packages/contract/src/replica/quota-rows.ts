import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import { endsWith } from "../suite/target.js";
import { aKey, bytes, kv, replicaState, storedValue } from "./replica-bench.js";
import { malformedCall, noBallot, oversizedCall } from "./replica-calls.js";

const rpc = "synod.v1.Replica/SetQuota";

async function setQuota(context: Context, quotaBytes: number): Promise<number> {
  const { slot } = await context.target("replica").call(rpc, { bytes: quotaBytes });
  holds(slot > 0, "SetQuotaResponse.slot", "a slot", slot);
  equal((await replicaState(context)).quotaBytes, quotaBytes, "Status.quota_bytes");
  return slot;
}

const refusesGrowth = writing(
  "replica.proto",
  "beyond it what would make the state grow is RESOURCE_EXHAUSTED and stores nothing; deleting goes on, and makes room",
  async (context) => {
    const { quotaBytes } = await replicaState(context);
    const [old, fresh] = [aKey(context), aKey(context)];
    await kv(context, "Put", { key: old, value: bytes(4096) });
    try {
      const { stateBytes } = await replicaState(context);
      holds(stateBytes >= 4096, "Status.state_bytes", "what was put, at least", stateBytes);
      await setQuota(context, stateBytes);
      const put = { key: fresh, value: bytes(2048) };
      const ending = await context.target("replica").ask("synod.kv.v1.KeyValue/Put", put);
      endsWith(ending, ["RESOURCE_EXHAUSTED"], [], "a value beyond the quota");
      equal(await storedValue(context, fresh), undefined, "the value that was refused");
      await kv(context, "Delete", { key: old });
      await kv(context, "Put", put);
    } finally {
      await setQuota(context, quotaBytes);
    }
  },
);

export const quotas: Row = {
  role: "replica",
  rpc: "Replica.SetQuota",
  cells: {
    accepted: [refusesGrowth],
    "higher ballot": noBallot,
    repeated: [
      writing("replica.proto", "the same quota again is decided again, and stays", async (context) => {
        const { quotaBytes } = await replicaState(context);
        const first = await setQuota(context, quotaBytes);
        const second = await setQuota(context, quotaBytes);
        holds(second > first, "the later slot", `above ${first}`, second);
      }),
    ],
    reordered: [
      writing("replica.proto", "the one decided last counts, a larger one or a smaller", async (context) => {
        const { quotaBytes } = await replicaState(context);
        await setQuota(context, quotaBytes + 1);
        await setQuota(context, quotaBytes);
      }),
    ],
    malformed: [
      malformedCall(rpc),
      ...["0", "9007199254740992"].map((bytesText) =>
        check(
          "replica.proto",
          `${bytesText} bytes: INVALID_ARGUMENT, and nothing changes`,
          async (context) => {
            const { quotaBytes } = await replicaState(context);
            const ending = await context.target("replica").ask(rpc, { bytes: bytesText });
            endsWith(ending, ["INVALID_ARGUMENT"], [], bytesText);
            equal((await replicaState(context)).quotaBytes, quotaBytes, "Status.quota_bytes");
          },
        ),
      ),
    ],
    oversized: [oversizedCall(rpc)],
    "wrong cluster": refusesAnotherCluster("replica", "synod.v1.Replica/SetQuota"),
  },
};

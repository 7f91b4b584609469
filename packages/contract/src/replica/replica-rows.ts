import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { equal } from "../suite/expect.js";
import { type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { quotas } from "./quota-rows.js";
import { remedies } from "./remedy-rows.js";
import {
  aKey,
  bytes,
  commandOf,
  executeOne,
  openSession,
  replicasOf,
  resultOf,
  streamWay,
  unaryWay,
} from "./replica-bench.js";
import { malformedCall, noBallot, oversizedCall } from "./replica-calls.js";
import { commands } from "./replica-commands.js";
import { log } from "./replica-log.js";
import { snapshots } from "./snapshot-rows.js";
import { versions } from "./version-rows.js";

const sessions: Row = {
  role: "replica",
  rpc: "Replica.OpenSession",
  cells: {
    accepted: [
      writing("rule 16", "it opens a session under which every replica executes", async (context) => {
        const clientId = await openSession(context);
        const put = commandOf(clientId, 1, "Put", { key: aKey(context), value: bytes() });
        const [one, ...others] = await replicasOf(context);
        if (one) resultOf("Put", (await unaryWay.execute(one, [put]))[0] as Message);
        for (const other of others) resultOf("Put", (await unaryWay.execute(other, [put]))[0] as Message);
      }),
    ],
    "higher ballot": noBallot,
    repeated: [
      writing("rule 16", "each call opens another session: no name comes twice", async (context) => {
        const names = await Promise.all(Array.from({ length: 5 }, () => openSession(context)));
        names.push(await openSession(context));
        equal(new Set(names).size, names.length, "distinct names");
      }),
    ],
    reordered: [
      writing("rule 16", "a session is good after later ones have been opened", async (context) => {
        const first = await openSession(context);
        await openSession(context);
        const put = commandOf(first, 1, "Put", { key: aKey(context), value: bytes() });
        resultOf("Put", await executeOne(context, unaryWay, put));
      }),
    ],
    malformed: [malformedCall("synod.v1.Replica/OpenSession")],
    oversized: [oversizedCall("synod.v1.Replica/OpenSession")],
    "wrong cluster": refusesAnotherCluster("replica", "synod.v1.Replica/OpenSession", {}, true),
  },
};

export const replicaRows: readonly Row[] = [
  sessions,
  commands(unaryWay),
  commands(streamWay),
  log,
  snapshots,
  versions,
  quotas,
  ...remedies,
];

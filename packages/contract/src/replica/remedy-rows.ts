import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import { endsWith } from "../suite/target.js";
import { aKey, bytes, kv, replicaState } from "./replica-bench.js";
import { malformedCall, noBallot, oversizedCall } from "./replica-calls.js";

const hold = "synod.v1.Replica/HoldSlot";
const decide = "synod.v1.Replica/DecideRemedy";
/** No replica knows so many slots. */
const farSlot = 1_000_000_000_000;

/** A slot that the replica has executed. */
async function executedSlot(context: Context): Promise<number> {
  await kv(context, "Put", { key: aKey(context), value: bytes(1) });
  return (await replicaState(context)).slotOut - 1;
}

const promisesNothing = writing(
  "rule 33",
  "a slot that was executed is not held, however often it is asked for: the answer says which was executed last",
  async (context) => {
    const slot = await executedSlot(context);
    for (const asked of [slot, slot, 1]) {
      const { held, appliedSlot } = await context.target("replica").call(hold, { slot: asked, number: 1 });
      equal(held, false, "HoldSlotResponse.held");
      holds(appliedSlot >= slot, "HoldSlotResponse.applied_slot", `${slot} at least`, appliedSlot);
    }
  },
);

const refusesUnknown = check(
  "replica.proto",
  "a slot beyond what it knows to be decided: FAILED_PRECONDITION, and the next command is executed",
  async (context) => {
    const ending = await context.target("replica").ask(hold, { slot: farSlot, number: 1 });
    endsWith(ending, ["FAILED_PRECONDITION"], [], `slot ${farSlot}`);
    equal((await replicaState(context)).halt, null, "Status.halt");
  },
);

const refusesUnpromised = writing(
  "rule 33",
  "a remedy for a slot that this replica did not promise to wait with: FAILED_PRECONDITION, whether it was executed or not",
  async (context) => {
    const slot = await executedSlot(context);
    for (const asked of [slot, farSlot]) {
      const ending = await context
        .target("replica")
        .ask(decide, { slot: asked, number: 1, skip: "batch", retire: [] });
      endsWith(ending, ["FAILED_PRECONDITION"], [], `slot ${asked}`);
    }
  },
);

const noPromise = "without a promise nothing is decided, and a promise stops a cluster that works";

export const remedies: readonly Row[] = [
  {
    role: "replica",
    rpc: "Replica.HoldSlot",
    cells: {
      accepted: [promisesNothing, refusesUnknown],
      "higher ballot": noBallot,
      repeated: "see accepted: asked twice, the same is answered",
      reordered: "each call stands for itself",
      malformed: [malformedCall(hold)],
      oversized: [oversizedCall(hold)],
      "wrong cluster": refusesAnotherCluster("replica", hold),
    },
  },
  {
    role: "replica",
    rpc: "Replica.DecideRemedy",
    cells: {
      accepted: [refusesUnpromised],
      "higher ballot": noBallot,
      repeated: noPromise,
      reordered: noPromise,
      malformed: [malformedCall(decide)],
      oversized: [oversizedCall(decide)],
      "wrong cluster": refusesAnotherCluster("replica", decide),
    },
  },
];

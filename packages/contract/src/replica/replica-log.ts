import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { endsWith, pause } from "../suite/target.js";
import { equalValue } from "../suite/values.js";
import { aKey, bytes, commandOf, executeOne, openSession, replicasOf, unaryWay } from "./replica-bench.js";
import { malformedCall, noBallot, oversizedCall } from "./replica-calls.js";

/** A page of the log; slots must follow each other, from the one asked for or the first that is still kept. */
async function page(
  context: Context,
  from: number,
  limit = 0,
  target = context.target("replica"),
): Promise<Message> {
  const found = await target.call("synod.v1.Replica/Log", { from, limit });
  const first = found.decisions[0]?.slot ?? from;
  if (first !== Math.max(1, from)) {
    // Nobody executes again what was decided up to a switch, whether the switch is on disk by now or not.
    const { durableSlot, lastSwitch } = (await target.status()).replica;
    const latest = Math.max(durableSlot, lastSwitch) + 1;
    const range = `${Math.max(1, from)}, or a later one if the log begins there: at most ${latest}`;
    holds(first > from && first <= latest, "the first slot of the page", range, first);
  }
  found.decisions.forEach(({ slot }: Message, index: number) => {
    equal(slot, first + index, `the slot at place ${index} of the page`);
  });
  const last = found.decisions.at(-1)?.slot ?? 0;
  holds(found.next === 0 || found.next === last + 1, "LogResponse.next", `0 or ${last + 1}`, found.next);
  return found;
}

async function written(context: Context): Promise<{ slot: number; command: Message }> {
  const clientId = await openSession(context);
  const command = commandOf(clientId, 1, "Put", { key: aKey(context), value: bytes() });
  const { slot } = await executeOne(context, unaryWay, command);
  return { slot, command };
}

export const log: Row = {
  role: "replica",
  rpc: "Replica.Log",
  cells: {
    accepted: [
      check(
        "replica.proto",
        "its pages hold every slot that is kept, to the last applied, in order",
        async (context) => {
          const { replica } = await context.target("replica").status();
          let next = 1;
          let last = 0;
          while (next !== 0) {
            const found = await page(context, next);
            if (last > 0) equal(found.decisions[0]?.slot, last + 1, "the first slot of the next page");
            last = found.decisions.at(-1)?.slot ?? last;
            next = found.next;
          }
          holds(last >= replica.slotOut - 1, "the last slot", `at least ${replica.slotOut - 1}`, last);
        },
      ),
      writing("PMMC 2.1", "the slot of a Response decided that command", async (context) => {
        const { slot, command } = await written(context);
        const { decisions } = await page(context, slot, 1);
        const commands: Message[] = decisions[0]?.value.batch?.commands ?? [];
        const found = commands.find(
          (one) => one.clientId === command.clientId && Buffer.compare(one.request, command.request) === 0,
        );
        holds(found !== undefined, `the batch of slot ${slot}`, "the command", commands.length);
      }),
      check("PMMC 2.1", "it is the same on every replica", async (context) => {
        const [one, ...others] = await replicasOf(context);
        if (!one) return;
        const { replica } = await one.status();
        const from = Math.max(1, replica.slotOut - 200);
        const through = replica.slotOut - 1;
        const { decisions } = await page(context, from, 0, one);
        const until = performance.now() + context.patienceMs;
        for (const other of others) {
          while ((await other.status()).replica.slotOut <= through && performance.now() < until)
            await pause(20);
          const same = await page(context, from, 0, other);
          for (const { slot, value } of decisions) {
            if (slot > through) continue;
            const found = same.decisions.find((one: Message) => one.slot === slot);
            equalValue(found?.value, value, `slot ${slot} on ${other.address}`);
          }
        }
      }),
    ],
    "higher ballot": noBallot,
    repeated: [
      check(
        "replica.proto",
        "asked again, it answers the same: what is decided does not change",
        async (context) => {
          const { decisions } = await page(context, 1, 5);
          // Reports may have made the log longer since.
          const again = await page(context, 1, Math.max(1, decisions.length));
          equal(again.decisions.slice(0, decisions.length), decisions, "the second page");
        },
      ),
    ],
    reordered: [
      writing(
        "replica.proto",
        "a later page asked for before an earlier one: each holds its own slots",
        async (context) => {
          const { slot } = await written(context);
          const later = await page(context, slot, 1);
          const earlier = await page(context, slot - 1, 2);
          equal(earlier.decisions[1], later.decisions[0], `slot ${slot} in both pages`);
        },
      ),
    ],
    malformed: [
      malformedCall("synod.v1.Replica/Log"),
      check("paxos.proto", "a slot of 2^53: INVALID_ARGUMENT", async (context) => {
        const request = { from: "9007199254740992" };
        const ending = await context.target("replica").ask("synod.v1.Replica/Log", request);
        endsWith(ending, ["INVALID_ARGUMENT"], [], "2^53");
      }),
      check("replica.proto", "beyond the end there is nothing, and no next page", async (context) => {
        const { clusterId } = await context.target("replica").status();
        equal(await page(context, 2 ** 52), { decisions: [], next: 0, clusterId }, "the page");
      }),
    ],
    oversized: [
      oversizedCall("synod.v1.Replica/Log"),
      check("replica.proto", "the largest limit gives a page within 4 MiB", async (context) => {
        await page(context, 1, 2 ** 32 - 1);
      }),
    ],
    "wrong cluster": refusesAnotherCluster("replica", "synod.v1.Replica/Log"),
  },
};

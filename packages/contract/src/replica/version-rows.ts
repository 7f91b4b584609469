import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { attached } from "../leader/leader-bench.js";
import { answers } from "../leader/leader-trim-checks.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Check, check, type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { type Answer, endsWith, pause } from "../suite/target.js";
import { aKey, keyValue, kv, replicaState, replicasOf } from "./replica-bench.js";
import { malformedCall, noBallot, oversizedCall } from "./replica-calls.js";

const rpc = "synod.v1.Replica/SwitchVersion";
/** Its number may be lost, so it may also be out of use for a moment. */
const spare = "synod.calculator.v1.Calculator";
const unknownService = "contract.v1.NoSuchService";
/** uint32, and nobody's. */
const unofferedVersion = 4_000_000_000;

async function versionsOf(context: Context, service: string): Promise<Message> {
  const { services } = await replicaState(context);
  const found = services.find(({ name }: Message) => name === service);
  holds(found !== undefined, "Status.services", `one called ${service}`, services);
  return found;
}

/** A service that is in use, and the version of it that is in force. */
async function inForce(context: Context, service = keyValue): Promise<number> {
  if (service === keyValue) await kv(context, "Put", { key: aKey(context), value: Buffer.from("x") });
  else await context.target("replica").call(`${spare}/Value`, {});
  const { inForce: version, oldestOffered, newestOffered } = await versionsOf(context, service);
  holds(
    oldestOffered <= version && version <= newestOffered,
    `the version of ${service} in force`,
    `one from ${oldestOffered} to ${newestOffered}, which the replica offers`,
    version,
  );
  return version;
}

/** A switch that has to be done. Nobody executes again what was decided up to it, so logs begin after it. */
async function switched(context: Context, service: string, version: number): Promise<number> {
  const target = context.target("replica");
  const { slot } = await target.call(rpc, { service, version });
  holds(slot > 0, "SwitchVersionResponse.slot", "a slot", slot);
  equal((await versionsOf(context, service)).inForce, version, "the version in force afterwards");
  equal((await replicaState(context)).lastSwitch, slot, "Status.last_switch");
  const { decisions } = await target.call("synod.v1.Replica/Log", { from: slot, limit: 1 });
  const first = decisions[0]?.slot;
  holds(
    first === undefined || first === slot + 1,
    "the first slot of the log",
    `${slot + 1}, or none`,
    first,
  );
  return slot;
}

const askSwitch = (context: Context, service: string, version: number): Promise<Answer> =>
  context.target("replica").ask(rpc, { service, version });

async function memberIds(context: Context): Promise<string[]> {
  const { configuration } = await context.target("replica").status();
  return configuration.replicas.map(({ id }: Message) => id);
}

const againInForce = writing(
  "rule 26, replica.proto",
  "the version that is in force may be switched to: it is decided, and the service goes on",
  async (context) => {
    const version = await inForce(context);
    await switched(context, keyValue, version);
    equal(await inForce(context), version, "the version in force");
  },
);

const everywhere = writing("rule 26", "every replica has it in force after that slot", async (context) => {
  const version = await inForce(context);
  const slot = await switched(context, keyValue, version);
  const until = performance.now() + context.patienceMs;
  for (const replica of await replicasOf(context)) {
    let { replica: state } = await replica.status();
    while (state.slotOut <= slot && performance.now() < until) {
      await pause(20);
      ({ replica: state } = await replica.status());
    }
    const found = state.services.find(({ name }: Message) => name === keyValue);
    equal(found?.inForce, version, `the version in force at ${replica.address}`);
  }
});

const decided: Check = {
  ...writing("rule 26, replica.proto", "the slot that is answered decided the switch", async (context) => {
    const version = await inForce(context);
    const slot = await switched(context, keyValue, version);
    const [found] = await answers(await attached(context), slot, slot);
    // A switch is a checkpoint: the acceptors may have been told to forget it.
    if (found?.trim) return;
    const commands: Message[] = found?.value?.batch?.commands ?? [];
    const said = commands
      .filter(({ service, method }) => service === "synod.v1.Replica" && method === "SwitchVersion")
      .map(({ request }) => JSON.parse(String(request)));
    const isSaid = said.some((one) => one.service === keyValue && one.version === version);
    holds(isSaid, `the batch of slot ${slot}`, `a SwitchVersion of ${keyValue} to ${version}`, said);
  }),
  needs: ["leader"],
};

/** Whatever becomes of the check, the service is in use again after it. */
const retires = writing(
  "rule 26, replica.proto",
  "version 0 takes a service out of use, and a version puts it back with what it had stored",
  async (context) => {
    const target = context.target("replica");
    const version = await inForce(context, spare);
    const { value } = await target.call(`${spare}/Add`, { operand: 1 });
    try {
      await switched(context, spare, 0);
      const ending = await target.ask(`${spare}/Value`, {});
      endsWith(ending, ["UNIMPLEMENTED"], [spare], "a call to a service out of use");
      await switched(context, spare, 0);
    } finally {
      await switched(context, spare, version);
    }
    equal((await target.call(`${spare}/Value`, {})).value, value, "the number, when it is back");
  },
);

const reorders: Check[] = [
  writing(
    "rule 26",
    "a switch that is refused takes nothing back of those before and after",
    async (context) => {
      const version = await inForce(context);
      const first = await switched(context, keyValue, version);
      const ending = await askSwitch(context, keyValue, unofferedVersion);
      endsWith(ending, ["FAILED_PRECONDITION"], [], "a version nobody offers");
      equal(await inForce(context), version, "the version in force after the refusal");
      const second = await switched(context, keyValue, version);
      holds(second > first, "the slot of the later switch", `above ${first}`, second);
    },
  ),
];

const refusals: Check[] = [
  writing(
    "rule 26, replica.proto",
    "a version that nobody offers is FAILED_PRECONDITION, and every replica is named",
    async (context) => {
      const version = await inForce(context);
      const words = [keyValue, ...(await memberIds(context))];
      const ending = await askSwitch(context, keyValue, unofferedVersion);
      endsWith(ending, ["FAILED_PRECONDITION"], words, "a version nobody offers");
      equal(await inForce(context), version, "the version in force");
    },
  ),
  writing(
    "rule 26",
    "a service that nobody has is FAILED_PRECONDITION, and every replica is named",
    async (context) => {
      const words = [unknownService, ...(await memberIds(context))];
      const ending = await askSwitch(context, unknownService, 1);
      endsWith(ending, ["FAILED_PRECONDITION"], words, "an unknown service");
    },
  ),
  writing("rule 26", "a service that was never used is not to be taken out of use", async (context) => {
    const ending = await askSwitch(context, unknownService, 0);
    endsWith(ending, ["FAILED_PRECONDITION"], [unknownService], "an unknown service");
  }),
  ...Object.entries({ "no service": "", "a service's name with a blank": "no service" }).map(
    ([what, service]) =>
      check("replica.proto", `${what}: INVALID_ARGUMENT, and nothing is decided`, async (context) => {
        endsWith(await askSwitch(context, service, 1), ["INVALID_ARGUMENT"], [], what);
      }),
  ),
  malformedCall(rpc),
];

export const versions: Row = {
  role: "replica",
  rpc: "Replica.SwitchVersion",
  cells: {
    accepted: [againInForce, decided, everywhere, retires],
    "higher ballot": noBallot,
    repeated: [
      writing("rule 26", "the same switch again is decided again, and changes nothing", async (context) => {
        const version = await inForce(context);
        const slots: number[] = [];
        for (let count = 0; count < 3; count++) slots.push(await switched(context, keyValue, version));
        equal(new Set(slots).size, slots.length, "distinct slots");
        equal(await inForce(context), version, "the version in force");
      }),
    ],
    reordered: reorders,
    malformed: refusals,
    oversized: [
      oversizedCall(rpc),
      check("replica.proto", "a service's name of 513 characters: INVALID_ARGUMENT", async (context) => {
        const ending = await askSwitch(context, "x".repeat(513), 1);
        endsWith(ending, ["INVALID_ARGUMENT"], [], "513 characters");
      }),
    ],
    "wrong cluster": refusesAnotherCluster("replica", "synod.v1.Replica/SwitchVersion"),
  },
};

import type { Argv, CommandModule } from "yargs";
import { askStatus, switchVersion } from "../calls.js";
import { Failure, reasonOf } from "../failure.js";
import { print } from "../output.js";
import { agreeOn, goOn } from "../remedy/agree.js";
import { everyReplica, type FoundReplica } from "../remedy/replicas.js";
import { presentServices, type ReplicaServices } from "../status/services.js";
import { replicaTargets, type Targets } from "../targets.js";
import { decidedBy, decideWithinMs } from "./decide.js";
import { requireWhole, withoutReplicas, withReplicas } from "./options.js";

const answerWithinMs = 1_000;

interface Target {
  replica: string[];
}

interface Switch extends Target {
  service: string;
  version: number;
}

/** The replicas that answer, and what each has. */
async function gatherServices({ addresses, cluster }: Targets): Promise<ReplicaServices[]> {
  const ask = (address: string) => askStatus(address, answerWithinMs, cluster);
  const answers = await Promise.allSettled(addresses.map(ask));
  const found = answers.flatMap((answer) => {
    if (answer.status === "rejected" || answer.value.state.role !== "replica") return [];
    return [{ id: answer.value.id, services: answer.value.state.services }];
  });
  if (found.length > 0) return found;
  const troubles = answers.map((answer, index) => {
    const why = answer.status === "rejected" ? reasonOf(answer.reason) : "not a replica";
    return `  ${addresses[index]}: ${why}`;
  });
  throw new Failure(["no replica answers:", ...troubles].join("\n"));
}

async function switchTo(replica: readonly string[], service: string, version: number): Promise<number> {
  const { addresses, cluster } = await replicaTargets(replica);
  return decidedBy(addresses, (address) => switchVersion(address, service, version, decideWithinMs, cluster));
}

const listCommand: CommandModule<object, Target> = {
  command: "list",
  describe: "the replicated services: the version in force, and which versions each replica offers",
  builder: (yargs) => withReplicas(yargs),
  handler: async ({ replica }) => {
    const found = await gatherServices(await replicaTargets(replica));
    await print(presentServices(found));
  },
};

const switchCommand: CommandModule<object, Switch> = {
  command: "switch <service> <version>",
  describe: "puts another version of a service's handlers in force, once every replica offers it",
  builder: (yargs) => withVersion(withService(withReplicas(yargs))),
  handler: async ({ replica, service, version }) => {
    const wanted = requireWhole("version", version, 1);
    const slot = await switchTo(replica, service, wanted);
    await print(`version ${wanted} of ${service} is in force after slot ${slot}`);
  },
};

const retireCommand: CommandModule<object, Target & { service: string; without: string[] }> = {
  command: "retire <service>",
  describe: "takes a service out of use, so that replicas may go on without its module; its rows stay",
  builder: (yargs) => withService(withoutReplicas(withReplicas(yargs))),
  handler: async ({ replica, service, without }) => {
    const targets = await replicaTargets(replica);
    const lines = (await allStopped(targets))
      ? await retireStopped(await everyReplica(targets, without), service)
      : [`${service} is out of use after slot ${await switchTo(replica, service, 0)}`];
    await print(lines.join("\n"));
  },
};

/** True when every replica that answers has stopped executing: then none can have a switch decided in the usual way. */
async function allStopped({ addresses, cluster }: Targets): Promise<boolean> {
  const ask = (address: string) => askStatus(address, answerWithinMs, cluster);
  const answers = await Promise.allSettled(addresses.map(ask));
  const states = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.state] : []));
  return states.length > 0 && states.every((state) => state.role === "replica" && state.halt !== undefined);
}

/** Takes a service out of use from the first slot that no replica has executed. */
async function retireStopped(replicas: readonly FoundReplica[], service: string): Promise<string[]> {
  const slot = 1 + Math.max(...replicas.map(({ appliedSlot }) => appliedSlot));
  const decidedIn = await agreeOn(replicas, { slot, retire: [service] });
  const able = replicas.filter(({ appliedSlot }) => appliedSlot === slot - 1);
  const behind = replicas.filter((replica) => !able.includes(replica));
  const fared = [
    ...(await goOn(able, slot - 1)),
    ...behind.map(
      ({ id, appliedSlot }) =>
        `${id} has executed slot ${appliedSlot} only, and cannot execute what follows: start it anew in an empty directory`,
    ),
  ];
  return [
    `${service} is out of use from slot ${slot} on: decided in slot ${decidedIn}`,
    ...fared.map((line) => `  ${line}`),
  ];
}

function withService<T>(yargs: Argv<T>) {
  return yargs.positional("service", {
    type: "string",
    demandOption: true,
    describe: "full name, such as bank.v1.Ledger",
  });
}

function withVersion<T>(yargs: Argv<T>) {
  return yargs.positional("version", { type: "number", demandOption: true, describe: "from 1" });
}

export const serviceCommand: CommandModule = {
  command: "service <command>",
  describe: "the replicated services of a cluster, and which version of each is in force",
  builder: (yargs) =>
    yargs
      .version(false)
      .command(listCommand)
      .command(switchCommand)
      .command(retireCommand)
      .demandCommand(1, "expected list, switch or retire"),
  handler: () => {},
};

import { type RememberedMember, recall } from "./cluster/remembered.js";
import { exitCode, Failure } from "./failure.js";

const noCluster =
  "no cluster is known here: start one with `npx synod up`, or give --replica HOST:PORT of a running one";

/** The replicas to talk to: those given, else those of the cluster that `up` last started in this directory. */
export function replicaAddresses(given: readonly string[], workingDirectory = process.cwd()): string[] {
  if (given.length > 0) return requireAddresses(given);
  const replicas = rememberedMembers(workingDirectory).filter(({ role }) => role === "replica");
  return replicas.map(({ address }) => address);
}

/** Everybody in the cluster that `up` last started in a directory. */
export function rememberedMembers(workingDirectory: string): readonly RememberedMember[] {
  const members = recall(workingDirectory)?.members ?? [];
  if (members.length === 0) throw new Failure(noCluster);
  return members;
}

export function requireAddresses(given: readonly string[]): string[] {
  const wrong = given.filter((address) => !isAddress(address));
  if (wrong.length > 0) {
    const found = wrong.map((address) => JSON.stringify(address)).join(", ");
    throw new Failure(`--replica: expected HOST:PORT, found ${found}`, exitCode.usage);
  }
  return [...given];
}

function isAddress(address: string): boolean {
  const match = /^(\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  return match !== null && port >= 1 && port <= 65_535;
}

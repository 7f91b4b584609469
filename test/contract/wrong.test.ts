import {
  type ContractOptions,
  type ContractResult,
  checksOf,
  type RoleName,
  runContract,
} from "@synod/contract";
import { afterEach, describe, expect, type TestContext, test } from "vitest";
import { quiet } from "../acceptance/support/quiet.mjs";
import { failures, redCells } from "./failures.js";
import { type Faults, ready, startMembers } from "./members.js";
import {
  answersBeforeItsWrite,
  countsWhatItRefuses,
  forgetsAPvalue,
  forgetsItsPromise,
  forgetsItsTrimRecord,
  keepsAccepting,
  leavesTheSlotOut,
} from "./wrong/acceptors.js";
import { FaultyFront, type Rule } from "./wrong/front.js";
import { decidesWithoutAMajority, givesOneIdTwoSlots } from "./wrong/leaders.js";
import {
  answersStale,
  callsARefusalAnAnswer,
  executesARepeatTwice,
  knowsNoOutcome,
  namesAnotherSlot,
  servesWhoeverAsks,
  skipsAKey,
  tellsWhatNobodyExecutes,
} from "./wrong/replicas.js";

declare module "vitest" {
  interface TaskMeta {
    /** What the acceptance script shows. */
    redCells?: string[];
  }
}

const started: { stop(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});

type Addresses = ContractOptions["addresses"];

function run(options: ContractOptions): Promise<ContractResult> {
  return runContract({ destructive: true, patienceMs: 5_000, ...options });
}

async function inFrontOf(address: string, rules: readonly Rule[]): Promise<string> {
  const proxy = await FaultyFront.before(address, rules);
  started.push(proxy);
  return proxy.address;
}

const oneOfEach = { acceptors: 1, leaders: 1, replicas: 1 };
const voting = ["Acceptor.Vote P", "Acceptor.Prepare", "Acceptor.Accept"];

async function acceptor(
  rules: readonly Rule[],
  acceptorStore?: Faults["acceptorStore"],
  only: readonly string[] = voting,
): Promise<ContractResult> {
  const members = await startMembers(oneOfEach, ["a1"], acceptorStore && { acceptorStore });
  started.push(members);
  const address = members.address("a1");
  return run({
    addresses: { acceptor: rules.length > 0 ? await inFrontOf(address, rules) : address },
    only,
    restart: () => members.restart("a1"),
  });
}

const refusing = "Acceptor.Accept × malformed";

/** One of a cluster that stands still, with a leader connected to it. */
async function acceptorInUse(rules: readonly Rule[]): Promise<ContractResult> {
  const members = await startMembers(oneOfEach);
  started.push(members);
  await ready(members);
  await quiet(members.address("r1"));
  const addresses = { acceptor: await inFrontOf(members.address("a1"), rules) };
  return run({ addresses, only: ["Acceptor.Accept"] });
}

async function other(role: RoleName, rules: readonly Rule[], ...only: string[]): Promise<ContractResult> {
  return ofCluster(only, async (addresses) => ({
    ...addresses,
    [role]: await inFrontOf(addresses[role] ?? "", rules),
  }));
}

async function ofCluster(
  only: readonly string[],
  inFront: (addresses: Addresses) => Promise<Addresses>,
  replicaStore?: Faults["replicaStore"],
): Promise<ContractResult> {
  const members = await startMembers(oneOfEach, [], replicaStore && { replicaStore });
  started.push(members);
  await ready(members);
  const addresses = await inFront({ leader: members.address("l1"), replica: members.address("r1") });
  return run({ addresses, only });
}

/**
 * Where something failed; kept with the test's result, for the acceptance script to show. Each of these services refuses what
 * it must refuse, so nothing fails there, unless it is said.
 */
function red(
  { task, onTestFailed }: TestContext,
  result: ContractResult,
  but: readonly string[] = [],
): string[] {
  onTestFailed(() => console.error(failures(result)));
  const cells = redCells(result);
  task.meta.redCells = cells;
  const refusing = cells.filter((cell) => /malformed|wrong cluster/.test(cell));
  expect(refusing.filter((cell) => !but.includes(cell))).toEqual([]);
  return cells;
}

test("a proxy that changes nothing passes: what fails below is the fault's doing", async () => {
  expect(failures(await other("leader", [], "Leader.Submit"))).toEqual([]);
  expect(failures(await other("replica", [], "KeyValue.Get"))).toEqual([]);
});

describe("an acceptor", () => {
  test("that forgets its promise fails where a ballot is below it", async (context) => {
    expect(red(context, await acceptor(forgetsItsPromise))).toEqual(
      expect.arrayContaining([
        "Acceptor.Vote P1a × higher ballot",
        "Acceptor.Vote P2a × higher ballot",
        "Acceptor.Prepare × higher ballot",
        "Acceptor.Accept × higher ballot",
      ]),
    );
  });

  test("that forgets a pvalue fails where its pages are read", async (context) => {
    const cells = red(context, await acceptor([], forgetsAPvalue));
    expect(cells).toContain("Acceptor.Vote P1a × accepted");
    expect(cells).toContain("Acceptor.Prepare × accepted");
  });

  test("that leaves the slot out of P2b fails in every answer to a P2a", async (context) => {
    const cells = red(context, await acceptor(leavesTheSlotOut));
    expect(cells).toContain("Acceptor.Vote P2a × accepted");
    expect(cells).toContain("Acceptor.Accept × accepted");
    expect(cells).not.toContain("Acceptor.Prepare × higher ballot");
  });

  test("that answers before its write fails where it is restarted, and nowhere else", async (context) => {
    expect(red(context, await acceptor([], answersBeforeItsWrite))).toEqual([
      "Acceptor.Vote P1a × accepted",
      "Acceptor.Vote P2a × accepted",
      "Acceptor.Prepare × accepted",
      "Acceptor.Accept × accepted",
    ]);
  });

  test("that forgets its trim record fails where it is restarted after a trim", async (context) => {
    expect(red(context, await acceptor([], forgetsItsTrimRecord, ["Acceptor.Vote trim"]))).toEqual([
      "Acceptor.Vote trim × accepted",
    ]);
  });

  test("that keeps something of what it refuses fails there, though a leader is connected to it", async (context) => {
    expect(red(context, await acceptorInUse(countsWhatItRefuses()), [refusing])).toContain(refusing);
  });
});

test("what the leader of an acceptor has it accept is laid to no check of it: those are skipped, and name the leader", async () => {
  const result = await acceptorInUse(keepsAccepting());
  expect(failures(result)).toEqual([]);
  const reasons = checksOf(result.rows).flatMap(({ reason }) => reason ?? []);
  expect(reasons).toContainEqual(
    expect.stringMatching(
      /^leader l1 is connected to this acceptor, and had it change highestSlot meanwhile/,
    ),
  );
});

describe("a leader", () => {
  test("that gives one id two slots fails where a proposal is repeated", async (context) => {
    const cells = red(
      context,
      await other("leader", givesOneIdTwoSlots(), "Leader.Attach propose", "Leader.Submit"),
    );
    expect(cells).toContain("Leader.Attach propose × repeated");
    expect(cells).toContain("Leader.Submit × repeated");
    expect(cells).not.toContain("Leader.Submit × accepted");
  });

  test("that decides without a majority fails where the acceptors are asked", async (context) => {
    const cells = red(context, await other("leader", decidesWithoutAMajority(), "Leader.Submit"));
    expect(cells).toContain("Leader.Submit × accepted");
    expect(cells).not.toContain("Leader.Submit × repeated");
  });
});

describe("a replica", () => {
  test("that executes a repeat twice fails where a command is repeated", async (context) => {
    expect(
      red(context, await other("replica", executesARepeatTwice(), "Replica.Execute", "Replica.OpenSession")),
    ).toContain("Replica.Execute × repeated");
  });

  test("that calls what the log refused answered fails where commands are refused", async (context) => {
    const cells = red(context, await other("replica", callsARefusalAnAnswer, "Replica.Execute"));
    expect(cells).toContain("Replica.Execute × reordered");
    expect(cells).not.toContain("Replica.Execute × accepted");
  });

  test("that serves whoever asks fails where another cluster is meant, and nowhere else", async (context) => {
    const rows = ["Replica.OpenSession", "Replica.Execute", "Cluster.Status (replica)"];
    const expected = rows.map((row) => `${row} × wrong cluster`);
    const result = await other("replica", servesWhoeverAsks, ...rows);
    expect(red(context, result, expected)).toEqual(expected);
  });

  test("that never knows an outcome fails where commands are answered", async (context) => {
    const cells = red(context, await other("replica", knowsNoOutcome, "Replica.Execute"));
    expect(cells).toContain("Replica.Execute × accepted");
  });

  test("that answers from before its own write fails where a read follows a write", async (context) => {
    const cells = red(context, await other("replica", answersStale(), "KeyValue."));
    expect(cells).toContain("KeyValue.Get × accepted");
    expect(cells).not.toContain("KeyValue.Range × accepted");
  });

  test("that skips a key of its snapshot fails where what was put is looked for in it", async (context) => {
    const result = await ofCluster(["Replica.Snapshot"], async (addresses) => addresses, skipsAKey);
    expect(red(context, result)).toEqual(["Replica.Snapshot × accepted"]);
  });

  test("that names another slot than that of a switch fails wherever something is switched", async (context) => {
    expect(red(context, await other("replica", namesAnotherSlot, "Replica.SwitchVersion"))).toEqual(
      expect.arrayContaining([
        "Replica.SwitchVersion × accepted",
        "Replica.SwitchVersion × repeated",
        "Replica.SwitchVersion × reordered",
      ]),
    );
  });

  test("whose log goes back behind a switch fails where something was switched", async (context) => {
    const cells = red(context, await other("replica", tellsWhatNobodyExecutes(), "Replica.SwitchVersion"));
    expect(cells).toContain("Replica.SwitchVersion × repeated");
  });
});

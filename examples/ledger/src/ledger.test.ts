import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDeterminism, checkUpgrade, run, startCluster } from "@synod/testing";
import ledger from "./ledger.js";

const ann = { account: "ann", balance: 100, person: "Ann" };
const bob = { account: "bob", company: "Bob Ltd" };
const transfer = { from: "ann", to: "bob", amount: 30 };
const steps = [
  { method: "Open", request: ann },
  { idleMs: 60_000 },
  { method: "Open", request: bob },
  { method: "Transfer", request: transfer },
  { method: "Total", request: {} },
];

test("a transfer moves money, and refuses to overdraw", () => {
  const service = run(ledger);
  service.call("Open", ann);
  service.call("Open", bob);
  assert.equal(service.call("Transfer", transfer).balance, "70");
  assert.throws(() => service.call("Transfer", { ...transfer, amount: 71 }), /InsufficientFunds/);
  assert.equal(service.call("Show", { account: "bob" }).account?.received.ann, "30");
  assert.deepEqual(service.call("Total", {}), { accounts: "2", balance: "100" });
});

test("every replica does the same", async () => {
  await checkDeterminism({ module: import.meta.resolve("./ledger.js"), steps });
});

test("replicas can go over to this build one after the other", async () => {
  // From what they run now: until there is a release, from the same.
  await checkUpgrade({ from: import.meta.resolve("./ledger.js"), to: ledger, steps });
});

test("a cluster goes on without one of its acceptors", async () => {
  const cluster = await startCluster({ services: [ledger] });
  try {
    const { Open, Total } = cluster.service(ledger);
    await Open(ann);
    await cluster.stopMember("a1");
    await Open(bob);
    assert.equal((await Total({})).accounts, "2");
  } finally {
    await cluster.stop();
  }
});

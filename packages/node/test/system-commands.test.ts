import {
  checkpointMethod,
  openSessionMethod,
  reportMethod,
  setQuotaMethod,
  switchVersionMethod,
} from "@synod/state-machine";
import { expect, test } from "vitest";
import { mayBeDecidedAgain, SystemCommands } from "../src/replica/system-commands.js";

test("what a person decided is not proposed once more, after what another one decided meanwhile", () => {
  const again = (method: string) => mayBeDecidedAgain(new SystemCommands().make(method));
  expect([setQuotaMethod, switchVersionMethod].map(again)).toEqual([false, false]);
  expect([openSessionMethod, checkpointMethod, reportMethod].map(again)).toEqual([true, true, true]);
});

test("a command of a session is: it is executed once, however often it is decided", () => {
  const command = { clientId: "4.0", sequence: 1, acknowledged: 0, service: "bank.v1.Ledger" };
  const method = setQuotaMethod; // A user's method may be called anything.
  expect(mayBeDecidedAgain({ ...command, method, request: new Uint8Array() })).toBe(true);
});

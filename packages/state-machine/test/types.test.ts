import { describe, expect, it } from "vitest";
import { replicatedService } from "../src/index.js";
import type { ImporterHandlers } from "./fixture/gen/bank/v1/Importer.js";
import type { LedgerHandlers } from "./fixture/gen/bank/v1/Ledger.js";
import type { ProtoGrpcType } from "./fixture/gen/ledger.js";
import { descriptors } from "./ledger.js";

const builder = () =>
  replicatedService<ProtoGrpcType, LedgerHandlers>({ descriptors, service: "bank.v1.Ledger" });
const ledger = builder();
const accounts = ledger.table("accounts", ["string"], "bank.v1.Account");
const entries = ledger.table("entries", ["string", "int64"], "bank.v1.Entry");

const errors = { Missing: { code: 9, detail: "bank.v1.InsufficientFunds" }, Plain: { code: 9 } } as const;
const Transfer = () => ({ balance: "0" });
const StandingOrder = () => ({});
const Balance = () => ({});
const watches = {
  Watch: {
    range: ({ account }: { account: string }) => [accounts, account] as const,
    event: () => ({ balance: "0" }),
  },
};
const rest = { version: 1, errors, watches, queries: { Balance } };

/** Never called: that it compiles, with each error where it is expected, is the test. */
const misuses: Record<string, () => unknown> = {
  "an async handler": () =>
    ledger.define({
      ...rest,
      commands: {
        StandingOrder,
        // @ts-expect-error a promise is no response
        async Transfer() {
          return { balance: "0" };
        },
      },
    }),
  "an async handler that returns an empty object": () =>
    ledger.define({
      ...rest,
      commands: {
        StandingOrder,
        // @ts-expect-error a promise is an object, but no response
        Transfer: async () => ({}),
      },
    }),
  "an async query": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      queries: {
        // @ts-expect-error a promise is no response
        Balance: async () => ({}),
      },
    }),
  "a method that stands nowhere": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      // @ts-expect-error Balance is nowhere
      queries: {},
    }),
  "a watch that stands nowhere": () =>
    // @ts-expect-error Watch is nowhere
    ledger.define({ version: 1, errors, commands: { Transfer, StandingOrder }, queries: { Balance } }),
  "a method that the proto does not have": () =>
    ledger.define({
      ...rest,
      // @ts-expect-error there is no Withdraw
      commands: { Transfer, StandingOrder, Withdraw: Transfer },
    }),
  "a response of another type": () =>
    ledger.define({
      ...rest,
      commands: {
        StandingOrder,
        // @ts-expect-error balance is no boolean
        Transfer: () => ({ balance: true }),
      },
    }),
  "a streaming method as a command": () =>
    ledger.define({
      ...rest,
      // @ts-expect-error Watch is a stream
      commands: { Transfer, StandingOrder, Watch: Transfer },
    }),
  "an event of another type": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      watches: {
        Watch: {
          range: ({ account }) => [accounts, account],
          // @ts-expect-error balance is no boolean
          event: () => ({ balance: true }),
        },
      },
    }),
  "a query that writes": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      queries: {
        Balance(tx, _request, context) {
          // @ts-expect-error no put in a query
          tx.put(accounts, ["a"], {});
          // @ts-expect-error no delete in a query
          tx.delete(accounts, "a");
          // @ts-expect-error no schedule in a query
          context.schedule(new Date(0), "Transfer", {});
          return {};
        },
      },
    }),
  "keys, values, errors and schedules that do not fit": () =>
    ledger.define({
      ...rest,
      commands: {
        StandingOrder,
        Transfer(tx, request, context) {
          // @ts-expect-error a text, not a number
          tx.get(accounts, 5n);
          // @ts-expect-error a part is missing
          tx.get(entries, "a");
          // @ts-expect-error a part too many
          tx.get(accounts, "a", "b");
          // @ts-expect-error int64 parts are bigints
          tx.put(entries, ["a", 1], {});
          // @ts-expect-error an Account has no such field
          tx.put(accounts, ["a"], { nope: 1 });
          // @ts-expect-error the first part of the prefix is a text
          tx.range(entries, { prefix: [1n] });
          // @ts-expect-error no row is read and changed
          tx.range(accounts)[0] = 1;
          // @ts-expect-error an undeclared error
          context.fail("Other", {});
          // @ts-expect-error the detail is missing
          context.fail("Missing");
          // @ts-expect-error another message than declared
          context.fail("Missing", { nope: 1 });
          // @ts-expect-error declared without a detail
          context.fail("Plain", { missing: "1" });
          // @ts-expect-error a query is no command
          context.schedule(context.time, "Balance", {});
          // @ts-expect-error a Date
          context.schedule(5, "Transfer", {});
          // @ts-expect-error another request
          context.schedule(context.time, "Transfer", { nope: 1 });
          // @ts-expect-error the request has no such field
          return { balance: request.nope };
        },
      },
    }),
  "an error whose detail is no message": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      // @ts-expect-error the proto has no such message
      errors: { Missing: { code: 9, detail: "bank.v1.Nothing" } },
    }),
  "a validation of a method that the proto does not have": () =>
    ledger.define({
      ...rest,
      commands: { Transfer, StandingOrder },
      // @ts-expect-error there is no Withdraw
      validate: { Withdraw: () => undefined },
    }),
  "a service that the proto does not have": () =>
    // @ts-expect-error there is no Bank
    replicatedService<ProtoGrpcType, LedgerHandlers>({ descriptors, service: "bank.v1.Bank" }),
  "a table of a message that the proto does not have": () =>
    // @ts-expect-error there is no Nothing
    ledger.table("nothing", ["string"], "bank.v1.Nothing"),
  "a table with keys of another kind": () =>
    // @ts-expect-error keys are string, int64 or bytes
    ledger.table("numbers", ["number"], "bank.v1.Account"),
  "an upgrade to another message": () =>
    ledger.table("old", ["string"], "bank.v1.Account", {
      // @ts-expect-error an Account has no such field
      upgrade: () => ({ nope: 1 }),
    }),
  "a service that streams requests": () =>
    replicatedService<ProtoGrpcType, ImporterHandlers>({
      descriptors,
      service: "bank.v1.Importer",
      // @ts-expect-error requests cannot be streamed
    }).define({ version: 1, errors: {}, commands: {}, queries: {} }),
};

describe("the types of replicatedService", () => {
  it("accept a sound definition", () => {
    const service = ledger.define({ ...rest, commands: { Transfer, StandingOrder } });
    expect(service).toMatchObject({ name: "bank.v1.Ledger", version: 1, descriptors });
  });

  it("refuse every misuse above, which the compiler checks", () => {
    expect(Object.keys(misuses).length).toBeGreaterThan(15);
  });
});

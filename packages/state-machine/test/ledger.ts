// By its name, as users import it: a realm has the package under no other.
import { type Descriptors, replicatedService } from "@synod/state-machine";
import { Status } from "../src/definition/status.js";
import { descriptorSetBase64 } from "./fixture/gen/descriptors.js";
import type { Protos } from "./fixture/gen/types.js";

export const descriptors: Descriptors<Protos> = Buffer.from(descriptorSetBase64, "base64");

const ledger = replicatedService({ descriptors, service: "bank.v1.Ledger" });
const accounts = ledger.table("accounts", ["string"], "bank.v1.Account");
const entries = ledger.table("entries", ["string", "int64"], "bank.v1.Entry");

/** A service as a user would write it. */
export const ledgerService = ledger.define({
  version: 1,
  errors: { InsufficientFunds: { code: Status.failedPrecondition, detail: "bank.v1.InsufficientFunds" } },
  commands: {
    Transfer(tx, { from, to, amount }, context) {
      const source = tx.get(accounts, from);
      const target = tx.get(accounts, to);
      const left = BigInt(source?.balance ?? 0) - BigInt(amount);
      if (from !== "bank" && left < 0n)
        context.fail("InsufficientFunds", { missing: String(-left) }, `${from} lacks ${-left}`);
      tx.put(accounts, [from], { ...source, balance: String(left) });
      tx.put(accounts, [to], { ...target, balance: String(BigInt(target?.balance ?? 0) + BigInt(amount)) });
      tx.put(entries, [from, -context.revision], { amount: String(-BigInt(amount)) });
      return { balance: String(left) };
    },
    StandingOrder(_tx, { transfer, afterMs, id }, context) {
      const at = new Date(context.time.getTime() + Number(afterMs));
      if (transfer === null) context.unschedule(id);
      else context.schedule(at, "Transfer", transfer, id);
      const reference = `${context.uuid()} ${context.random()}`;
      // biome-ignore lint/suspicious/noThenProperty: a text, which makes no promise
      return { atMs: String(at.getTime()), reference, then: "Transfer" };
    },
  },
  queries: {
    Balance: (tx, { account }) => ({ balance: tx.get(accounts, account)?.balance ?? "0" }),
  },
  watches: {
    Watch: {
      range: ({ account }) => [accounts, account],
      event: ({ value }) => ({ balance: value?.balance ?? "0" }),
    },
  },
});

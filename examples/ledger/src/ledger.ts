import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./gen/descriptors.js";

const ledger = replicatedService({ descriptors, service: "bank.v1.Ledger" });
const accounts = ledger.table("accounts", ["string"], "bank.v1.Account");

export default ledger.define({
  version: 1,
  errors: {
    NoAccount: { code: 5, detail: "bank.v1.NoAccount" },
    AccountExists: { code: 6 },
    InsufficientFunds: { code: 9, detail: "bank.v1.InsufficientFunds" },
  },
  validate: {
    Open: ({ account, balance }) => {
      if (account === "") return "account: expected a name";
      return BigInt(balance) < 0n ? "balance: expected at least 0" : undefined;
    },
    Transfer: ({ from, to, amount }) => {
      if (BigInt(amount) <= 0n) return "amount: expected more than 0";
      return from === to ? "to: expected another account than from" : undefined;
    },
  },
  commands: {
    Open(tx, { account, balance, person, company }, context) {
      if (tx.get(accounts, account)) context.fail("AccountExists");
      const seconds = Math.floor(context.time.getTime() / 1000);
      const owner = company === undefined ? { person: person ?? "" } : { company };
      tx.put(accounts, [account], { balance, opened: { seconds }, ...owner });
      return {};
    },
    Transfer(tx, { from, to, amount }, context) {
      const payer = tx.get(accounts, from) ?? context.fail("NoAccount", { account: from });
      const payee = tx.get(accounts, to) ?? context.fail("NoAccount", { account: to });
      const left = BigInt(payer.balance) - BigInt(amount);
      if (left < 0n) context.fail("InsufficientFunds", { missing: String(-left) });
      const received = BigInt(payee.received[from] ?? 0) + BigInt(amount);
      tx.put(accounts, [from], { ...payer, balance: String(left) });
      tx.put(accounts, [to], {
        ...payee,
        balance: String(BigInt(payee.balance) + BigInt(amount)),
        received: { ...payee.received, [from]: String(received) },
      });
      return { balance: String(left) };
    },
  },
  queries: {
    Show(tx, { account }, context) {
      return { account: tx.get(accounts, account) ?? context.fail("NoAccount", { account }) };
    },
    Total(tx) {
      let count = 0;
      let balance = 0n;
      for (const [, account] of tx.range(accounts, { limit: 10_000 })) {
        count += 1;
        balance += BigInt(account.balance);
      }
      return { accounts: count, balance: String(balance) };
    },
  },
});

import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./ledger.js";

const ledger = replicatedService({ descriptors, service: "bank.v1.Ledger" });
const entries = ledger.table("entries", ["string", "int64"], "bank.v1.Entry");

/** Counts, for each receiver, what each sender gave: the first of them finds no row. */
export const countsService = ledger.define({
  version: 1,
  errors: {},
  commands: {
    Transfer(tx, { from, to, amount }) {
      const row = tx.getOrEmpty(entries, to, 0n);
      const sum = String(BigInt(row.counts[from] ?? 0) + BigInt(amount));
      const counts = { ...row.counts, [from]: sum };
      tx.put(entries, [to, 0n], { ...row, counts, names: [...row.names, from] });
      return { balance: sum };
    },
    StandingOrder: () => ({}),
  },
  queries: {
    Balance(tx, { account }) {
      const { counts, names } = tx.getOrEmpty(entries, account, 0n);
      const sum = Object.keys(counts).reduce((before, name) => before + BigInt(counts[name] ?? 0), 0n);
      return { balance: String(sum + BigInt(names.length)) };
    },
  },
  watches: { Watch: { range: () => [entries], event: () => ({}) } },
});

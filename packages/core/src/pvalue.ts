import type { Ballot } from "./ballot.js";
import { type Configuration, configurationBytes } from "./configuration.js";

/** Names a proposal (rule 10): the replica, its incarnation, and a number that grows. */
export interface ProposalId {
  readonly replica: string;
  readonly incarnation: number;
  readonly number: number;
}

/**
 * The content of a slot. The commands of a batch stay encoded: leaders and acceptors never look inside, and a replica
 * decodes them once, to execute them.
 */
export type Value =
  | { readonly kind: "batch"; readonly proposal: ProposalId; readonly commands: Uint8Array }
  | { readonly kind: "configuration"; readonly proposal: ProposalId; readonly configuration: Configuration }
  | { readonly kind: "no-op" };

export const noOperation: Value = Object.freeze({ kind: "no-op" });

/** PMMC 2.2: ⟨ballot, slot, value⟩. */
export interface PValue {
  readonly ballot: Ballot;
  readonly slot: number;
  readonly value: Value;
}

/** A text that is equal exactly for equal ids. */
export function proposalKey(proposal: ProposalId): string {
  return `${proposal.replica}/${proposal.incarnation}/${proposal.number}`;
}

export function proposalOf(value: Value): ProposalId | undefined {
  return value.kind === "no-op" ? undefined : value.proposal;
}

/** Rough size in bytes, as limits count it. */
export function valueBytes(value: Value): number {
  switch (value.kind) {
    case "batch":
      return value.commands.length + 64;
    case "configuration":
      return 256 + configurationBytes(value.configuration);
    case "no-op":
      return 256;
  }
}

/** What a pvalue takes beside its value and what is counted with that, at most: two names, and integers. */
const pvalueOverhead = 160;

/** Never less than the bytes of a pvalue within a message. */
export function pvalueBytes({ value }: PValue): number {
  return pvalueOverhead + valueBytes(value);
}

/** Two values are the same if they decide the same thing. Proposal ids are unique, so they stand for their contents. */
export function sameValue(a: Value, b: Value): boolean {
  if (a.kind === "no-op" || b.kind === "no-op") return a.kind === b.kind;
  return a.kind === b.kind && proposalKey(a.proposal) === proposalKey(b.proposal);
}

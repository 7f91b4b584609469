/**
 * A ballot (PMMC 2.2) orders leaders' attempts. The paper's pair (integer, leader) is extended by an incarnation,
 * drawn at each start, so that a leader that lost its memory never uses a ballot twice.
 */
export interface Ballot {
  readonly round: number;
  readonly leader: string;
  readonly incarnation: number;
}

/** The paper's ⊥: below every ballot a leader can have. */
export const noBallot: Ballot = Object.freeze({ round: 0, leader: "", incarnation: 0 });

/** Negative, zero or positive; in the order number, text, number. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  if (a.leader !== b.leader) return a.leader < b.leader ? -1 : 1;
  return a.incarnation - b.incarnation;
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
  return compareBallots(a, b) === 0;
}

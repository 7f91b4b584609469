// What an acceptor's store really holds, read from its directory while no process has it.
import { openAcceptorStore } from "@synod/storage";
import { recordCodec } from "@synod/wire";

/** @typedef {import("@synod/core").Ballot} Ballot */
/** @typedef {{ promised: Ballot, accepted: Map<number, Ballot>, trimmedBelow: number, starts: number }} Stored */

/** Counts as a start of the store. @param {import("@synod/cli").PlannedMember} member @returns {Promise<Stored>} */
export async function storedBy({ data, id }) {
  const store = await openAcceptorStore(data, { id, codec: recordCodec });
  try {
    const { accepted } = store.page(1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return {
      promised: store.state.promised,
      trimmedBelow: store.state.trim.below,
      accepted: new Map(accepted.map(({ slot, ballot }) => [slot, ballot])),
      starts: store.identity.startCount,
    };
  } finally {
    await store.close();
  }
}

/**
 * What an acceptor told others and its store does not hold; nothing may be here. What is trimmed a majority of the replicas
 * holds.
 * @param {Stored} stored
 * @param {{ voted: Map<number, Ballot>, promised: Ballot | undefined }} told
 */
export function forgotten(stored, { voted, promised }) {
  const lost = [...voted]
    .filter(([slot, ballot]) => slot >= stored.trimmedBelow && !atLeast(stored.accepted.get(slot), ballot))
    .map(([slot]) => `the vote in slot ${slot}`);
  return promised && !atLeast(stored.promised, promised) ? ["its promise", ...lost] : lost;
}

/** Ballots are ordered by round, leader and incarnation. @param {Ballot | undefined} a @param {Ballot} b */
export function atLeast(a, b) {
  if (!a) return false;
  if (a.round !== b.round) return a.round > b.round;
  if (a.leader !== b.leader) return a.leader > b.leader;
  return a.incarnation >= b.incarnation;
}

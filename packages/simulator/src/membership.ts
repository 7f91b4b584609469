import {
  type Configuration,
  type Genesis,
  type ProposalId,
  type Random,
  randomBelow,
  type Value,
} from "@synod/core";
import type { SimulatedNode } from "./node.js";
import type { WorldOptions } from "./options.js";

/** The configuration a world starts with. */
export function genesisOf(options: WorldOptions): Genesis {
  const members = (count: number, letter: string) =>
    Array.from({ length: count }, (_, index) => ({
      id: `${letter}${index + 1}`,
      address: `${letter}${index + 1}:1`,
    }));
  return {
    window: options.window,
    configuration: {
      number: 1,
      predecessor: 0,
      acceptors: members(options.acceptors, "a").map((member) => ({
        ...member,
        store: `store-${member.id}`,
      })),
      leaders: members(options.leaders, "l"),
      replicas: members(options.replicas, "r"),
    },
  };
}

/** A configuration to follow `latest`, with as many acceptors of all that run, and the stores they have now. */
export function drawChange(
  random: Random,
  latest: Configuration,
  running: readonly SimulatedNode[],
  proposal: ProposalId,
): Value & { readonly kind: "configuration" } {
  const rest = [...running];
  const acceptors = latest.acceptors.map(() => {
    const [{ peer, disk }] = rest.splice(randomBelow(random, rest.length), 1) as [SimulatedNode];
    return { id: peer.id, address: `${peer.id}:1`, store: disk?.store ?? "" };
  });
  const { number } = latest;
  return {
    kind: "configuration",
    proposal,
    configuration: { ...latest, number: number + 1, predecessor: number, acceptors },
  };
}

import { type LeaderState, majorityOf } from "@synod/core";

/** The reason why no quorum can be had; empty when it can. */
export function quorumProblem(acceptors: readonly string[], unreachable: readonly string[]): string {
  const missing = acceptors.filter((id) => unreachable.includes(id));
  const needed = majorityOf(acceptors.length);
  if (acceptors.length - missing.length >= needed) return "";
  return `no majority of acceptors: ${needed} of ${acceptors.length} needed; ${missing.join(", ")} unreachable`;
}

/** A warning about slots that peers claim to be decided and the acceptors know nothing of (rule 28); empty when there is none. */
export function contradictionText({
  contradicted,
  phase,
}: Pick<LeaderState, "contradicted" | "phase">): string {
  if (contradicted.length === 0) return "";
  const said = contradicted.map(
    ({ peer, slotOut }) => `${peer.role} ${peer.id} says that slot ${slotOut - 1} is decided`,
  );
  const consequence =
    phase === "active" ? "it is not believed" : "this leader does not lead while it says so";
  return (
    `${said.join(", ")}, and a majority of the acceptors knows nothing of it; ${consequence}: ` +
    "stop whichever has another cluster's data, or an older copy of its own"
  );
}

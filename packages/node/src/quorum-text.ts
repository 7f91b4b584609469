import { majorityOf } from "@synod/core";

/** Why no quorum can be had; empty when it can. */
export function quorumProblem(acceptors: readonly string[], unreachable: readonly string[]): string {
  const missing = acceptors.filter((id) => unreachable.includes(id));
  const needed = majorityOf(acceptors.length);
  if (acceptors.length - missing.length >= needed) return "";
  return `no majority of acceptors: ${needed} of ${acceptors.length} needed; ${missing.join(", ")} unreachable`;
}

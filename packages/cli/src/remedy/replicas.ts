import type { HaltStatus } from "@synod/wire";
import { askStatus } from "../calls.js";
import { exitCode, Failure, reasonOf } from "../failure.js";
import type { Targets } from "../targets.js";

/** A replica that answers, and how far it is. */
export interface FoundReplica {
  readonly id: string;
  readonly address: string;
  readonly cluster: string;
  /** The last slot that it executed. */
  readonly appliedSlot: number;
  /** On disk through this slot. */
  readonly durableSlot: number;
  /** The reason why it executes nothing more; undefined while it does. */
  readonly halt: HaltStatus | undefined;
  /** Its problem in words; empty when all is well. */
  readonly problem: string;
}

export const askWithinMs = 3_000;

/**
 * Every replica of the cluster: what became of a slot is only known when each was asked. Throws a Failure that names those
 * that do not answer, but for those in `without`.
 * @param targets some of them
 */
export async function everyReplica(
  targets: Targets,
  without: readonly string[],
): Promise<readonly FoundReplica[]> {
  const { cluster, members } = await membersFrom(targets);
  requireMembers(
    without,
    members.map(({ id }) => id),
  );
  const asked = members.filter(({ id }) => !without.includes(id));
  const answers = await Promise.allSettled(
    asked.map(({ address }) => askStatus(address, askWithinMs, cluster)),
  );
  const troubles: string[] = [];
  const found = answers.flatMap((answer, index) => {
    const { id = "", address = "" } = asked[index] ?? {};
    if (answer.status === "fulfilled" && answer.value.state.role === "replica" && answer.value.id === id) {
      const { slotOut, durableSlot, halt } = answer.value.state;
      return [
        { id, address, cluster, appliedSlot: slotOut - 1, durableSlot, halt, problem: answer.value.problem },
      ];
    }
    const why = answer.status === "rejected" ? reasonOf(answer.reason) : "it is not this replica";
    troubles.push(`  ${id} (${address}): ${why}`);
    return [];
  });
  if (troubles.length === 0) return found;
  throw new Failure(
    [
      "expected an answer of every replica, since each may have executed more than the others; these give none:",
      ...troubles,
      "start them; or, when one is gone for good, leave it out with --without ID: what it alone has executed is then given up,",
      "and it must not come back but in an empty directory",
    ].join("\n"),
  );
}

async function membersFrom({ addresses, cluster }: Targets) {
  const troubles: string[] = [];
  for (const address of addresses) {
    try {
      const { clusterId, configuration } = await askStatus(address, askWithinMs, cluster);
      return { cluster: clusterId, members: configuration.replicas };
    } catch (error) {
      troubles.push(`  ${address}: ${reasonOf(error)}`);
    }
  }
  throw new Failure(["no replica answers:", ...troubles].join("\n"));
}

function requireMembers(without: readonly string[], ids: readonly string[]): void {
  const strangers = without.filter((id) => !ids.includes(id));
  if (strangers.length === 0) return;
  throw new Failure(
    `--without: expected ids of replicas (${ids.join(", ")}), found ${strangers.join(", ")}`,
    exitCode.usage,
  );
}

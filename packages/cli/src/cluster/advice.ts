import { ExitCode } from "@synod/node";
import type { Ending } from "./child.js";
import { lastLines } from "./child.js";
import type { PlannedMember } from "./plan.js";

/** The meaning of a service's exit code to whoever runs `up`. */
const meanings: Readonly<Record<number, string>> = {
  [ExitCode.graceful]: "it was stopped gracefully, though not by this command",
  [ExitCode.unexpected]: "a defect, or a stop that did not end in time",
  [ExitCode.badConfiguration]: "its configuration is wrong",
  [ExitCode.addressInUse]: "another process listens on its address",
  [ExitCode.noStore]: "its store is missing or empty, or was not made by synod-acceptor init",
  [ExitCode.foreignStore]: "its store belongs to another member or cluster, or is damaged",
  [ExitCode.storeOwned]: "another process owns its store",
  [ExitCode.writeFailed]: "a write or fsync failed: check the disk, and its free space",
  [ExitCode.invariantViolated]:
    "an invariant of the protocol does not hold, and it stopped rather than go on",
  [ExitCode.slotNotExecuted]: "a slot could not be executed: its last words name the handler",
};

/** The report on a service that ended by itself: how, its last words, and what to do. */
export function deathReport(member: PlannedMember, ending: Ending): string {
  const how = ending.signal === null ? `exit code ${ending.code}` : `signal ${ending.signal}`;
  const meaning = ending.code === null ? undefined : meanings[ending.code];
  const lines = lastLines(member.log, 5).map((line) => `    ${line}`);
  return [
    `${member.role} ${member.id} ended: ${how}${meaning ? ` (${meaning})` : ""}`,
    ...(lines.length > 0 ? [`  last lines of ${member.log}:`, ...lines] : [`  ${member.log} is empty`]),
    `  The others go on. "npx synod status" shows whether the cluster still moves.`,
    `  ${wayBack(member, ending)}`,
  ].join("\n");
}

/** A lost or foreign store does not come back by starting again (rule 5). */
function wayBack({ id }: PlannedMember, { code }: Ending): string {
  if (code === ExitCode.noStore || code === ExitCode.foreignStore) {
    return `Starting again does not bring ${id} back: put its data directory back as it was.`;
  }
  return `To have ${id} back, stop this command with Ctrl-C and run it again: the data is kept.`;
}

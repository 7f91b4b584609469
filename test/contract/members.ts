import { calculatorService, keyValueService, lockService } from "@synod/state-machine";
import { type Counts, type Fatal, Members, type MembersOptions } from "@synod/testing/members";

/** What stands between a host and its disk and does something wrong. */
export type Faults = Required<Pick<MembersOptions, "acceptorStore" | "replicaStore">>;

/** Starts members that run the built-in services, all of them unless `ids` says which. */
export async function startMembers(
  counts: Counts,
  ids: readonly string[] = [],
  faults: Partial<Faults> = {},
) {
  const services = [keyValueService, calculatorService, lockService];
  const onFatal = ({ id, code, error }: Fatal) => {
    throw new Error(`${id} had to end with exit code ${code}`, { cause: error });
  };
  const members = await Members.prepare({ ...counts, ...faults, services, onFatal });
  await members.start(...ids);
  return members;
}

/** Waits until every member that runs can do its part. */
export function ready(members: Members): Promise<void> {
  return members.ready(members.ids.filter((id) => members.runs(id)));
}

import type { Status } from "@synod/wire";
import type { RoleName } from "../cluster/plan.js";

/** A process's answer about itself. */
export interface Answered extends Status {
  readonly answered: true;
  readonly role: RoleName;
  readonly address: string;
}

/** A member that gave no answer in time. Known from the cluster file or from a peer; by address alone otherwise. */
export interface Unanswered {
  readonly answered: false;
  readonly role: RoleName;
  readonly id: string;
  readonly address: string;
  readonly reason: string;
}

export type RoleReport = Answered | Unanswered;

export function statesOf<Role extends RoleName>(
  reports: readonly RoleReport[],
  role: Role,
): Extract<Answered["state"], { role: Role }>[] {
  return reports.flatMap((report) =>
    report.answered && report.state.role === role
      ? [report.state as Extract<Answered["state"], { role: Role }>]
      : [],
  );
}

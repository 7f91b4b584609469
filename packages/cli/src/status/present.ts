import type { Ballot } from "@synod/core";
import { formatTable } from "../table.js";
import type { Answered, RoleReport } from "./report.js";
import { frontier, verdict } from "./verdict.js";

const order = { replica: 0, leader: 1, acceptor: 2 } as const;

export function sortReports(reports: readonly RoleReport[]): RoleReport[] {
  return [...reports].sort(
    (a, b) => order[a.role] - order[b.role] || a.id.localeCompare(b.id, "en", { numeric: true }),
  );
}

/** The table for a person, and below it whether the cluster moves. */
export function presentStatus(reports: readonly RoleReport[]): string {
  const head = ["ROLE", "ID", "ADDRESS", "HEALTH", "BALLOT", "SLOT", "LAG", "NOTES"];
  const slots = frontier(reports);
  const rows = sortReports(reports).map((report) => row(report, slots));
  const found = verdict(reports);
  const lines = [formatTable(head, rows), ""];
  if (found.moves) lines.push(`The cluster moves; ${found.leader} leads.`);
  else lines.push("Nothing moves:", ...found.reasons.map((reason) => `  ${reason}`));
  if (found.warnings.length > 0) lines.push("Mind:", ...found.warnings.map((warning) => `  ${warning}`));
  return lines.join("\n");
}

function row(report: RoleReport, slots: number): string[] {
  const start = [report.role, report.id, report.address];
  if (!report.answered) return [...start, "unreachable", "-", "-", "-", report.reason];
  return [...start, report.serving ? "serving" : "not serving", ...stateCells(report, slots)];
}

function stateCells(report: Answered, slots: number): string[] {
  const { state, problem } = report;
  const notes = (...texts: string[]) => [...texts, problem].filter((text) => text !== "").join("; ");
  switch (state.role) {
    case "acceptor":
      return [ballotText(state.promised), String(state.highestSlot), "-", notes(`store ${state.store}`)];
    case "leader": {
      const missing = state.unreachable.length > 0 ? `does not reach ${state.unreachable.join(", ")}` : "";
      return [ballotText(state.ballot), String(state.slotOut), "-", notes(state.phase, missing)];
    }
    case "replica": {
      const lag = String(Math.max(0, slots - state.slotOut));
      const follows = state.leader === "" ? "knows no active leader" : `leader ${state.leader}`;
      return [ballotText(state.ballot), String(state.slotOut), lag, notes(follows)];
    }
  }
}

/** `3.l2` for round 3 of leader l2; the incarnation is left out. */
export function ballotText(ballot: Ballot): string {
  return ballot.round === 0 ? "-" : `${ballot.round}.${ballot.leader}`;
}

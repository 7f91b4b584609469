import { compareBallots, majorityOf } from "@synod/core";
import { countedBut } from "@synod/node";
import type { RoleName } from "../cluster/plan.js";
import { type Answered, type RoleReport, statesOf } from "./report.js";

export interface Verdict {
  /** True when commands can be decided and executed now, as far as the answers tell. */
  readonly moves: boolean;
  /** The reasons why nothing moves; empty when the cluster moves. */
  readonly reasons: readonly string[];
  /** Problems that do not keep the cluster from moving. */
  readonly warnings: readonly string[];
  /** Id of the active leader. */
  readonly leader: string | undefined;
}

/** The findings about one role. */
interface Finding {
  /** Enough to keep the cluster from moving. */
  readonly reason?: string;
  /** Wrong, but no reason to stand still. */
  readonly notes: readonly string[];
}

/** Progress needs a majority of the acceptors, an active leader that reaches them, and one replica that serves. */
export function verdict(reports: readonly RoleReport[]): Verdict {
  const active = activeLeader(reports);
  const findings = [judgeAcceptors(reports), judgeLeaders(reports, active), judgeReplicas(reports)];
  const reasons = findings.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  const warnings = findings.flatMap(({ notes }) => notes);
  return { moves: reasons.length === 0, reasons, warnings, leader: active?.id };
}

function activeLeader(reports: readonly RoleReport[]): Answered | undefined {
  const actives = reports.flatMap((report) =>
    report.answered && report.state.role === "leader" && report.state.phase === "active"
      ? [{ report, ballot: report.state.ballot }]
      : [],
  );
  // One that is preempted and does not know it yet may say the same: the higher ballot is right.
  return actives.sort((a, b) => compareBallots(b.ballot, a.ballot))[0]?.report;
}

/** "2 of 3 acceptors needed: a2 unreachable", or "a2 not counted" when it answers with a store the cluster does not know. */
function judgeAcceptors(reports: readonly RoleReport[]): Finding {
  const { all, answering, silent } = ofRole(reports, "acceptor");
  // Nobody told of any: then no leader answers either, and that is said.
  if (all.length === 0) return { notes: [] };
  const uncounted = answering.flatMap(({ id }) => {
    const problem = leadersProblemWith(id, reports);
    return problem === undefined ? [] : [`${id} not counted: ${problem}`];
  });
  const warnings = warningsAbout(all, reports);
  if (silent.length + uncounted.length === 0)
    return { notes: [...problemsOf(answering, "acceptor"), ...warnings] };
  const needed = majorityOf(all.length);
  const missing = [...(silent.length > 0 ? [`${silent.join(", ")} unreachable`] : []), ...uncounted];
  const summary = `${needed} of ${all.length} acceptors needed: ${missing.join("; ")}`;
  if (answering.length - uncounted.length < needed) return { reason: summary, notes: warnings };
  return { notes: [summary, ...warnings] };
}

/** The views of an acceptor that the leaders have: one of each leader that answers. */
function viewsOf(acceptor: string, reports: readonly RoleReport[]) {
  return ofRole(reports, "leader").answering.flatMap((leader) =>
    leader.peers.filter((peer) => peer.role === "acceptor" && peer.id === acceptor),
  );
}

/** The warnings of leaders about acceptors that they count all the same, each once. A leader restarted since may not know. */
function warningsAbout(acceptors: readonly RoleReport[], reports: readonly RoleReport[]): string[] {
  return acceptors.flatMap(({ id }) => {
    const warnings = viewsOf(id, reports).filter(({ problem }) => problem.startsWith(countedBut));
    return [...new Set(warnings.map(({ problem }) => `${id} ${problem}`))];
  });
}

/** The leaders' reason for not counting an acceptor; undefined when one of them counts it. */
function leadersProblemWith(acceptor: string, reports: readonly RoleReport[]): string | undefined {
  const views = viewsOf(acceptor, reports);
  const counts = ({ connected, problem }: { connected: boolean; problem: string }) =>
    connected && (problem === "" || problem.startsWith(countedBut));
  if (views.length === 0 || views.some(counts)) return undefined;
  return views.find((view) => view.problem !== "")?.problem ?? "no leader is connected to it";
}

function judgeLeaders(reports: readonly RoleReport[], active: Answered | undefined): Finding {
  const { all, answering, silent } = ofRole(reports, "leader");
  if (answering.length === 0) {
    if (all.length > 0) return { reason: `no leader answers: ${silent.join(", ")} unreachable`, notes: [] };
    return ofRole(reports, "replica").answering.length > 0
      ? { reason: "no leader is known: no replica told of any", notes: [] }
      : { notes: [] };
  }
  const notes = silent.length > 0 ? [`leader ${silent.join(", ")} unreachable`] : [];
  // Without a majority of the acceptors no leader can be active, and each says so: once is enough.
  if (judgeAcceptors(reports).reason !== undefined) return { notes };
  notes.push(...problemsOf(answering, "leader"));
  if (active?.state.role !== "leader") {
    const phases = statesOf(answering, "leader").map(
      ({ phase }, index) => `${answering[index]?.id} is ${phase}`,
    );
    return { reason: `no leader is active: ${[phases.join(", "), ...notes].join("; ")}`, notes: [] };
  }
  const { unreachable } = active.state;
  const acceptors = ofRole(reports, "acceptor").all.length;
  if (acceptors > 0 && acceptors - unreachable.length < majorityOf(acceptors)) {
    const missing = `${unreachable.join(", ")} unreachable`;
    return { reason: `leader ${active.id} reaches no majority of the acceptors: ${missing}`, notes };
  }
  return { notes };
}

function judgeReplicas(reports: readonly RoleReport[]): Finding {
  const { all, answering, silent } = ofRole(reports, "replica");
  if (all.length === 0) return { reason: "no replica is known", notes: [] };
  if (answering.length === 0) {
    return { reason: `no replica answers: ${silent.join(", ")} unreachable`, notes: [] };
  }
  const notes = silent.length > 0 ? [`replica ${silent.join(", ")} unreachable`] : [];
  // Replicas that do not serve repeat, in the same words, what is wrong with acceptors or leaders.
  const cause = judgeAcceptors(reports).reason ?? judgeLeaders(reports, activeLeader(reports)).reason;
  if (cause !== undefined) return { notes };
  notes.push(...problemsOf(answering, "replica"), ...warningsOf(answering), ...nodesOf(answering));
  const waiting = answering.filter(({ serving, problem }) => !serving && problem === "").map(({ id }) => id);
  if (waiting.length > 0) notes.push(`replica ${waiting.join(", ")} does not serve yet`);
  if (answering.some(({ serving }) => serving)) return { notes };
  return { reason: `no replica serves: ${notes.join("; ")}`, notes: [] };
}

function ofRole(reports: readonly RoleReport[], role: RoleName) {
  const all = reports.filter((report) => report.role === role);
  return {
    all,
    answering: all.filter((report) => report.answered),
    /** Ids of those that do not answer. */
    silent: all.filter((report) => !report.answered).map(({ id }) => id),
  };
}

/** The warnings of replicas that go on, each once. */
function warningsOf(replicas: readonly Answered[]): string[] {
  return [...new Set(statesOf(replicas, "replica").flatMap(({ warnings }) => warnings))];
}

/** Replicas on several versions of Node: they may be, as long as what handlers can see of these is the same. */
function nodesOf(replicas: readonly Answered[]): string[] {
  const runs = replicas.flatMap(({ id, state }) => (state.role === "replica" ? [{ id, ...state }] : []));
  if (new Set(runs.map(({ node }) => node)).size <= 1) return [];
  const said = runs.map(({ id, node }) => `${id} ${node}`).join(", ");
  return new Set(runs.map(({ runtime }) => runtime)).size === 1
    ? [`replicas run several versions of Node, alike in all that handlers can see: ${said}`]
    : [`replicas run versions of Node that may give other results: ${said}`];
}

/** The problems that members report, each once: "replica r1, r2: behind". */
function problemsOf(members: readonly Answered[], role: RoleName): string[] {
  const idsOf = new Map<string, string[]>();
  for (const { id, problem } of members) {
    if (problem !== "") idsOf.set(problem, [...(idsOf.get(problem) ?? []), id]);
  }
  return [...idsOf].map(([problem, ids]) => `${role} ${ids.join(", ")}: ${problem}`);
}

/** The highest slot that anybody knows to be decided or in work; what lag is measured against. */
export function frontier(reports: readonly RoleReport[]): number {
  const slots = [
    ...statesOf(reports, "leader").map((state) => state.slotOut),
    ...statesOf(reports, "replica").map((state) => Math.max(state.slotOut, state.highestKnown + 1)),
  ];
  return Math.max(1, ...slots);
}

import type { Ballot } from "./ballot.js";
import type { Configuration, RulingConfiguration } from "./configuration.js";
import type { LeaderState } from "./leader/leader-state.js";
import type { Message } from "./message.js";
import type { PValue, Value } from "./pvalue.js";
import type { AcceptorRecord } from "./record.js";
import type { ReplicaState } from "./replica/replica-state.js";

/*
 * One stable line for everything that logs, traces, scenario files and failure reports show. Never parsed.
 */

export function describeBallot(ballot: Ballot): string {
  return ballot.round === 0 ? "⊥" : `${ballot.round}.${ballot.leader}.${ballot.incarnation}`;
}

export function describeValue(value: Value): string {
  if (value.kind === "no-op") return "no-op";
  const { replica, incarnation, number } = value.proposal;
  const id = `${replica}.${incarnation}#${number}`;
  return value.kind === "batch"
    ? `batch ${id} (${value.commands.length} B)`
    : `${describeConfiguration(value.configuration)} ${id}`;
}

export function describePValue({ ballot, slot, value }: PValue): string {
  return `⟨${describeBallot(ballot)}, ${slot}, ${describeValue(value)}⟩`;
}

export function describeConfiguration(configuration: Configuration): string {
  return `configuration ${configuration.number} (${configuration.acceptors.map((member) => member.id).join(" ")})`;
}

function describeRuling(known: readonly RulingConfiguration[]): string {
  return known.map(({ from, configuration }) => `${configuration.number}@${from}`).join(" ");
}

export function describeMessage(message: Message): string {
  switch (message.kind) {
    case "p1a":
      return `p1a ${describeBallot(message.ballot)} scout ${message.scout} configuration ${message.configuration} from ${message.from}`;
    case "p1b": {
      const accepted = message.accepted.map(describePValue).join(" ");
      const page = `configuration ${message.configuration} from ${message.from} next ${message.next} trim ${message.trim.below}`;
      return `p1b ${message.acceptor} asked ${describeBallot(message.asked)} promised ${describeBallot(message.promised)} scout ${message.scout} ${page} [${accepted}]`;
    }
    case "p2a":
      return `p2a ${describePValue(message.pvalue)}`;
    case "p2b": {
      const trim = message.trim ? ` trim ${message.trim.below}` : "";
      return `p2b ${message.acceptor} asked ${describeBallot(message.asked)} slot ${message.slot} promised ${describeBallot(message.promised)}${trim}`;
    }
    case "heartbeat":
      return `heartbeat ${describeBallot(message.ballot)} ${message.beat}`;
    case "heartbeat-ack":
      return `heartbeat-ack ${message.acceptor} ${describeBallot(message.ballot)} ${message.beat} promised ${describeBallot(message.promised)} trimmed below ${message.trimmedBelow}`;
    case "trim":
      return `trim below ${message.trim.below} configurations ${describeRuling(message.trim.configurations)}`;
    case "pre-vote":
      return `pre-vote ${describeBallot(message.ballot)} configuration ${message.configuration}`;
    case "pre-vote-answer":
      return `pre-vote-answer ${message.acceptor} asked ${describeBallot(message.asked)} promised ${describeBallot(message.promised)}${message.hears ? " hears" : ""}`;
    case "propose":
      return `propose ${describeValue(message.value)} slot_out ${message.slot}${message.forwarded ? " forwarded" : ""}`;
    case "decision":
      return `decision ${message.slot} ${describeValue(message.value)}`;
    case "question":
      return `question ${message.from}–${message.through}`;
    case "replica-status":
      return `replica-status slot_out ${message.slotOut} trimmed below ${message.trimmedBelow} configurations ${describeRuling(message.configurations)}`;
    case "leader-status": {
      const unreachable =
        message.unreachable.length > 0 ? ` unreachable ${message.unreachable.join(" ")}` : "";
      return `leader-status ${message.active ? "active" : "passive"} ${describeBallot(message.ballot)} slot_out ${message.slotOut}${unreachable}`;
    }
    case "trimmed":
      return `trimmed below ${message.trim.below} configurations ${describeRuling(message.trim.configurations)}`;
    case "ping":
      return `ping ${message.number}`;
    case "pong":
      return `pong ${message.number} ${message.leading ? `leading ${describeBallot(message.ballot)}` : "passive"} slot_out ${message.slotOut}`;
  }
}

export function describeRecord(record: AcceptorRecord): string {
  switch (record.kind) {
    case "promise":
      return `promise ${describeBallot(record.ballot)}`;
    case "accept":
      return `accept ${describePValue(record.pvalue)}`;
    case "trim":
      return `trim below ${record.trim.below} configurations ${describeRuling(record.trim.configurations)}`;
  }
}

export function describeLeader(state: LeaderState): string {
  return `${state.phase} ${describeBallot(state.ballot)} slot_out ${state.slotOut} commanders ${state.commanders} queued ${state.queued}`;
}

export function describeReplica(state: ReplicaState): string {
  const led = state.leader ? `led by ${state.leader} ${describeBallot(state.ballot)}` : "no leader known";
  return `slot_out ${state.slotOut} of ${state.highestKnown + 1} queued ${state.queued} outstanding ${state.outstanding} ${led}`;
}

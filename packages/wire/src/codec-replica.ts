import type { Decision } from "@synod/core";
import * as check from "./check.js";
import { type Codec, codec } from "./codec.js";
import { decision } from "./codec-leader.js";
import { messageType } from "./descriptors.js";
import type * as wire from "./gen-types.js";
import { WireError } from "./wire-error.js";

export const openSessionRequest: Codec<Record<string, never>> = codec(
  messageType<wire.OpenSessionRequest>("synod.v1.OpenSessionRequest"),
  { toWire: () => ({}), fromWire: () => ({}) },
);

export interface OpenedSession {
  /** The session's name, for `Command.clientId`. */
  readonly clientId: string;
  /** The cluster that it is a session of. */
  readonly clusterId: string;
}

export const openSessionResponse: Codec<OpenedSession> = codec(
  messageType<wire.OpenSessionResponse>("synod.v1.OpenSessionResponse"),
  {
    toWire: ({ clientId, clusterId }) => ({ clientId, clusterId }),
    fromWire: (message, field) => ({
      clientId: check.id(message?.clientId, `${field}.client_id`),
      clusterId: check.id(message?.clusterId, `${field}.cluster_id`),
    }),
  },
);

/** Asks for a page of a replica's decided log. */
export interface LogRequest {
  /** First slot wanted; 0 means 1. */
  readonly from: number;
  /** At most so many slots; 0 means what fits in a page. */
  readonly limit: number;
  /** The cluster whose log is meant; empty for any. */
  readonly clusterId: string;
  /** Absent for any other reader than a replica that catches up. */
  readonly reader?: LogReader | undefined;
}

/** A replica that catches up, for which the log is kept behind what it has. */
export interface LogReader {
  readonly member: string;
  /** It has everything up to here on its disk. */
  readonly durableSlot: number;
}

const nobody: LogReader = { member: "", durableSlot: 0 };

export const logRequest: Codec<LogRequest> = codec(messageType<wire.LogRequest>("synod.v1.LogRequest"), {
  toWire: ({ from, limit, clusterId, reader: { member, durableSlot } = nobody }) => ({
    from: check.checked(from, "LogRequest.from"),
    limit: check.checked(limit, "LogRequest.limit"),
    clusterId,
    member,
    durableSlot: check.checked(durableSlot, "LogRequest.durable_slot"),
  }),
  fromWire: (message, field) => {
    const member = check.optionalId(message?.member, `${field}.member`);
    const durableSlot = check.integer(message?.durableSlot, `${field}.durable_slot`);
    return {
      from: check.integer(message?.from, `${field}.from`),
      limit: check.integer(message?.limit, `${field}.limit`),
      clusterId: check.optionalId(message?.clusterId, `${field}.cluster_id`),
      ...(member === "" ? {} : { reader: { member, durableSlot } }),
    };
  },
});

export interface LogPage {
  readonly decisions: readonly Decision[];
  /** First slot of the next page; 0 at the end. */
  readonly next: number;
  /** The cluster whose log it is. */
  readonly clusterId: string;
}

const maxPageDecisions = 1 << 20;

export const logResponse: Codec<LogPage> = codec(messageType<wire.LogResponse>("synod.v1.LogResponse"), {
  toWire: ({ decisions, next, clusterId }) => ({
    decisions: decisions.map(decision.toWire),
    next: check.checked(next, "LogResponse.next"),
    clusterId,
  }),
  fromWire: (message, field) => ({
    decisions: check.list(message?.decisions, `${field}.decisions`, maxPageDecisions, decision.fromWire),
    next: check.integer(message?.next, `${field}.next`),
    clusterId: check.id(message?.clusterId, `${field}.cluster_id`),
  }),
});

/** Asks for another version of a replicated service. */
export interface SwitchVersionRequest {
  readonly service: string;
  /** 0 takes the service out of use. */
  readonly version: number;
}

export const switchVersionRequest: Codec<SwitchVersionRequest> = codec(
  messageType<wire.SwitchVersionRequest>("synod.v1.SwitchVersionRequest"),
  {
    toWire: ({ service, version }) => ({
      service,
      version: check.checked(version, "SwitchVersionRequest.version"),
    }),
    fromWire: (message, field) => ({
      service: check.service(message?.service, `${field}.service`),
      version: check.integer(message?.version, `${field}.version`),
    }),
  },
);

export interface SwitchedVersion {
  /** It is in force from the slot after this one. */
  readonly slot: number;
}

export const switchVersionResponse: Codec<SwitchedVersion> = codec(
  messageType<wire.SwitchVersionResponse>("synod.v1.SwitchVersionResponse"),
  {
    toWire: ({ slot }) => ({ slot: check.checked(slot, "SwitchVersionResponse.slot") }),
    fromWire: (message, field) => ({ slot: check.slot(message?.slot, `${field}.slot`) }),
  },
);

/** Asks for another bound on what services may store. */
export interface SetQuotaRequest {
  /** Of keys and values. */
  readonly bytes: number;
}

export const setQuotaRequest: Codec<SetQuotaRequest> = codec(
  messageType<wire.SetQuotaRequest>("synod.v1.SetQuotaRequest"),
  {
    toWire: ({ bytes }) => ({ bytes: check.checked(bytes, "SetQuotaRequest.bytes") }),
    fromWire: (message, field) => ({ bytes: check.integer(message?.bytes, `${field}.bytes`, 1) }),
  },
);

/** Something was decided. */
export interface DecidedIn {
  readonly slot: number;
}

export const setQuotaResponse: Codec<DecidedIn> = codec(
  messageType<wire.SetQuotaResponse>("synod.v1.SetQuotaResponse"),
  {
    toWire: ({ slot }) => ({ slot: check.checked(slot, "SetQuotaResponse.slot") }),
    fromWire: (message, field) => ({ slot: check.slot(message?.slot, `${field}.slot`) }),
  },
);

/** Asks for a promise not to execute a slot before something is decided about it. */
export interface HoldSlotRequest {
  readonly slot: number;
  /** From 1: which remedy for the slot is to be waited for. */
  readonly number: number;
}

export const holdSlotRequest: Codec<HoldSlotRequest> = codec(
  messageType<wire.HoldSlotRequest>("synod.v1.HoldSlotRequest"),
  {
    toWire: ({ slot, number }) => ({
      slot: check.checked(slot, "HoldSlotRequest.slot"),
      number: check.checked(number, "HoldSlotRequest.number"),
    }),
    fromWire: (message, field) => ({
      slot: check.slot(message?.slot, `${field}.slot`),
      number: check.integer(message?.number, `${field}.number`, 1),
    }),
  },
);

export interface HeldSlotAnswer {
  /** The promise is on disk. */
  readonly held: boolean;
  /** The last slot that was executed. */
  readonly appliedSlot: number;
  /** The last remedy that the slot was executed with; 0 when there was none, or it was not executed. */
  readonly appliedRemedy: number;
}

export const holdSlotResponse: Codec<HeldSlotAnswer> = codec(
  messageType<wire.HoldSlotResponse>("synod.v1.HoldSlotResponse"),
  {
    toWire: ({ held, appliedSlot, appliedRemedy }) => ({
      held,
      appliedSlot: check.checked(appliedSlot, "HoldSlotResponse.applied_slot"),
      appliedRemedy: check.checked(appliedRemedy, "HoldSlotResponse.applied_remedy"),
    }),
    fromWire: (message, field) => ({
      held: message?.held ?? false,
      appliedSlot: check.integer(message?.appliedSlot, `${field}.applied_slot`),
      appliedRemedy: check.integer(message?.appliedRemedy, `${field}.applied_remedy`),
    }),
  },
);

/** The decided fate of a slot that cannot be executed (rule 33). */
export interface DecideRemedyRequest {
  readonly slot: number;
  /** From 1: its place among the remedies for the slot. */
  readonly number: number;
  /** All of its batch is skipped, or the command with this index; nothing when absent. */
  readonly skip?: "batch" | number | undefined;
  /** Services out of use from the slot on. */
  readonly retire: readonly string[];
}

const maxRetired = 1_000;

export const decideRemedyRequest: Codec<DecideRemedyRequest> = codec(
  messageType<wire.DecideRemedyRequest>("synod.v1.DecideRemedyRequest"),
  {
    toWire: ({ slot, number, skip, retire }) => ({
      slot: check.checked(slot, "DecideRemedyRequest.slot"),
      number: check.checked(number, "DecideRemedyRequest.number"),
      retire: [...retire],
      ...(skip === "batch" ? { skipBatch: true } : {}),
      ...(typeof skip === "number"
        ? { skipCommand: check.checked(skip, "DecideRemedyRequest.skip_command") }
        : {}),
    }),
    fromWire: (message, field) => {
      const found = check.present(message, field);
      const command = found.skipCommand;
      if (found.skipBatch === true && typeof command === "number")
        throw new WireError(field, "skip_batch or skip_command", "both");
      const skip =
        found.skipBatch === true
          ? ("batch" as const)
          : typeof command === "number"
            ? check.integer(command, `${field}.skip_command`)
            : undefined;
      return {
        slot: check.slot(found.slot, `${field}.slot`),
        number: check.integer(found.number, `${field}.number`, 1),
        retire: check.list(found.retire, `${field}.retire`, maxRetired, check.service),
        ...(skip === undefined ? {} : { skip }),
      };
    },
  },
);

export const decideRemedyResponse: Codec<DecidedIn> = codec(
  messageType<wire.DecideRemedyResponse>("synod.v1.DecideRemedyResponse"),
  {
    toWire: ({ slot }) => ({ slot: check.checked(slot, "DecideRemedyResponse.slot") }),
    fromWire: (message, field) => ({ slot: check.slot(message?.slot, `${field}.slot`) }),
  },
);

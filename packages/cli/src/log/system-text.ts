import {
  engineName,
  offerText,
  type Report,
  remedyText,
  type SystemCommand,
  systemCommandOf,
} from "@synod/state-machine";
import type { DecidedCommand, DecidedSlot } from "./decided.js";

const shownHash = 12;

/** One of Synod's own commands in words; undefined for a command of a replicated service, or an unknown one. */
export function systemText(command: DecidedCommand, logTimeMs: number): string | undefined {
  const said = systemCommandOf(command);
  if (said === undefined || said.kind === "unknown") return undefined;
  return `${command.method}${wordsOf(said, logTimeMs)}`;
}

/** True when a slot holds a command of a replicated service. */
export function holdsCommands({ content }: DecidedSlot): boolean {
  return (
    content.kind === "batch" && content.commands.some((command) => systemCommandOf(command) === undefined)
  );
}

function wordsOf(said: Exclude<SystemCommand, { kind: "unknown" }>, logTimeMs: number): string {
  switch (said.kind) {
    case "open-session":
    case "checkpoint":
      return "";
    case "advance-time":
      return ` to ${timeText(logTimeMs)}`;
    case "report":
      return `: ${reportText(said.report)}`;
    case "install":
      return `: version ${said.version} of ${said.service}`;
    case "switch":
      return said.version === 0
        ? `: ${said.service} out of use`
        : `: version ${said.version} of ${said.service}`;
    case "install-foundation":
      return `: Node ${said.foundation.node}, version ${said.foundation.engine.version} of ${engineName}`;
    case "quota":
      return `: ${said.bytes} bytes`;
    case "remedy":
      return ` ${said.remedy.number} for ${remedyText(said.remedy)}`;
  }
}

const lastDateMs = 8.64e15;

/** Whatever somebody proposed: beyond the last date that there is, as a number. */
function timeText(ms: number): string {
  return ms <= lastDateMs ? new Date(ms).toISOString() : `${ms} ms`;
}

function reportText({ replica, slot, hash, offers, ground }: Report): string {
  const held = slot === 0 ? "nothing on disk yet" : `slot ${slot} on disk, hash ${hash.slice(0, shownHash)}`;
  const offered = offers.map((offer) => `${offerText(offer)} of ${offer.service}`).join(", ");
  return `${replica} has ${held}; runs Node ${ground.node}; offers ${offered || "nothing"}`;
}

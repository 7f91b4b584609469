import type { DecidedCommand, DecidedSlot } from "./decided.js";
import { systemText } from "./system-text.js";

const maxRequestCharacters = 80;

/** One line for a slot. */
export function presentSlot(decided: DecidedSlot): string {
  const { slot, proposal, content } = decided;
  switch (content.kind) {
    case "no-op":
      return `${slot}  no-op`;
    case "configuration":
      return `${slot}  ${proposal}  configuration ${content.number}: ${content.members}`;
    case "batch":
      return `${slot}  ${proposal}  ${content.commands.map((command) => presentCommand(command, content.logTimeMs)).join(" | ")}`;
  }
}

/** `synod.kv.v1.KeyValue/Put {"key":"a"} (4.0 #2)`: method, request, session and sequence. Of Synod's own, what it says. */
function presentCommand(command: DecidedCommand, logTimeMs: number): string {
  const own = systemText(command, logTimeMs);
  if (own !== undefined) return own;
  const session = command.clientId === "" ? "" : ` (${command.clientId} #${command.sequence})`;
  return `${command.service}/${command.method} ${presentRequest(command)}${session}`;
}

function presentRequest(command: DecidedCommand): string {
  if (command.requestJson === undefined) return `${command.request.length} bytes`;
  const text = JSON.stringify(command.requestJson);
  return text.length <= maxRequestCharacters ? text : `${text.slice(0, maxRequestCharacters)}…`;
}

/** The JSON form of a slot, for `synod log --json`. */
export function slotJson(decided: DecidedSlot): string {
  const { slot, proposal, content } = decided;
  if (content.kind !== "batch") return JSON.stringify({ slot, proposal, ...content });
  const commands = content.commands.map(({ request, requestJson, ...command }) => ({
    ...command,
    request: Buffer.from(request).toString("base64"),
    ...(requestJson === undefined ? {} : { requestJson }),
  }));
  return JSON.stringify({ slot, proposal, kind: content.kind, logTimeMs: content.logTimeMs, commands });
}

import { randomBytes } from "node:crypto";
import type { Command } from "@synod/core";
import { encodeSaid, setQuotaMethod, switchVersionMethod, systemService } from "@synod/state-machine";

const own = new WeakSet<Command>();
const nothing = new Uint8Array();

/** A command of Synod itself: its client id is a nonce of whoever proposes it (rule 16). */
export function systemCommand(method: string, said?: Parameters<typeof encodeSaid>[0]): Command {
  const command: Command = {
    clientId: randomBytes(16).toString("hex"),
    sequence: 1,
    acknowledged: 0,
    service: systemService,
    method,
    request: said === undefined ? nothing : encodeSaid(said),
  };
  own.add(command);
  return command;
}

/** True for what `systemCommand` made here; not for the same words from a client. */
export function isOwnSystemCommand(command: Command): boolean {
  return own.has(command);
}

/**
 * Whether a command that may have been decided may be proposed as another one. A session executes its command once; Synod's own
 * have none, and do no harm a second time, but for what a person decides: it would undo what somebody else decided in between.
 */
export function mayBeDecidedAgain({ service, method }: Command): boolean {
  return service !== systemService || (method !== switchVersionMethod && method !== setQuotaMethod);
}

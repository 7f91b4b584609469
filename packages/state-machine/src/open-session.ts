import type { Command } from "@synod/core";

/** The command that opens a session (rule 16): decided like any other, so that its place in the log names the session. */
export const openSessionService = "synod.v1.Replica";
export const openSessionMethod = "OpenSession";

export function opensSession(command: Command): boolean {
  return command.method === openSessionMethod && command.service === openSessionService;
}

/** The command that does nothing but carry log time, when something waits for it and nobody else asks anything. */
export const advanceTimeMethod = "AdvanceTime";

export function advancesTime(command: Command): boolean {
  return command.method === advanceTimeMethod && command.service === openSessionService;
}

const clientIdTag = 0x0a;

/** The bytes of synod.v1.OpenSessionResponse: field 1, a text shorter than 128 bytes. */
export function encodeOpenedSession(name: string): Uint8Array {
  const text = Buffer.from(name, "latin1");
  return Buffer.concat([Buffer.from([clientIdTag, text.length]), text]);
}

/** The session's name, from the response to the command that opened it. */
export function openedSession(response: Uint8Array): string {
  if (response[0] !== clientIdTag || response[1] !== response.length - 2) {
    throw new TypeError("expected the response to OpenSession, found other bytes");
  }
  return Buffer.from(response.subarray(2)).toString("latin1");
}

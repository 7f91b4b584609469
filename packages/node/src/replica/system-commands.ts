import { randomBytes } from "node:crypto";
import type { Command } from "@synod/core";
import { encodeSaid, setQuotaMethod, switchVersionMethod, systemService } from "@synod/state-machine";

const nothing = new Uint8Array();

/** A name that nothing else has. */
export function drawName(): string {
  return randomBytes(16).toString("hex");
}

/** Synod's own commands, as one process makes them. */
export class SystemCommands {
  readonly #drawId: () => string;
  readonly #made = new WeakSet<Command>();

  /** @param drawId gives a name that nothing else has */
  constructor(drawId = drawName) {
    this.#drawId = drawId;
  }

  /** Makes one of them; its client id is a nonce of this process (rule 16). */
  make(method: string, said?: Parameters<typeof encodeSaid>[0]): Command {
    const command: Command = {
      clientId: this.#drawId(),
      sequence: 1,
      acknowledged: 0,
      service: systemService,
      method,
      request: said === undefined ? nothing : encodeSaid(said),
    };
    this.#made.add(command);
    return command;
  }

  /** True for what `make` made; not for the same words from a client. */
  made(command: Command): boolean {
    return this.#made.has(command);
  }
}

/**
 * True when a command that may have been decided may be proposed as another one. A session executes its command once; Synod's own
 * have none, and do no harm a second time, but for what a person decides: it would undo what somebody else decided in between.
 */
export function mayBeDecidedAgain({ service, method }: Command): boolean {
  return service !== systemService || (method !== switchVersionMethod && method !== setQuotaMethod);
}

import type { Command } from "./command.js";
import type { Peer } from "./input.js";
import type { Message } from "./message.js";
import type { Value } from "./pvalue.js";
import type { AcceptorRecord } from "./record.js";

/**
 * One thing that a role asks its driver to do. The driver's duties:
 *
 * 1. It calls `step` with one input at a time and carries out all outputs before the next.
 * 2. `persist`: the record is handed to storage at once and visible to the role's own reads at once. All records of
 *    one turn may share one commit.
 * 3. `send`: may leave at once. It may be lost, doubled or overtaken.
 * 4. `send-durable`: leaves only when every record persisted before it, in whatever turn, is on disk (rule 3).
 * 5. A failed commit ends the process; nothing held for it is ever sent (rule 4).
 * 6. `apply`: the value is executed now; slots come in order, each once (rule 17).
 * 7. `refuse`: the client is told that its command was not taken, and why. A command not refused is answered after
 *    the `apply` that executes it, or after `jumped-over`.
 * 8. `jumped-over`: a proposal of this replica was decided in a slot that a snapshot jumped over (rule 19). It is not
 *    applied; whoever waits for its commands is answered from the sessions, or told that the outcome is unknown.
 * 9. `withdrawn`: the answer to a `withdraw`: the commands come in again, before any later ones, when the driver sees fit.
 *    `proposed` tells that some of them were, and may be decided all the same.
 */
export type Output =
  | { readonly kind: "persist"; readonly record: AcceptorRecord }
  | { readonly kind: "send"; readonly to: Peer; readonly message: Message }
  | { readonly kind: "send-durable"; readonly to: Peer; readonly message: Message }
  | { readonly kind: "apply"; readonly slot: number; readonly value: Value }
  | { readonly kind: "jumped-over"; readonly value: Value }
  | { readonly kind: "refuse"; readonly command: Command; readonly reason: Refusal }
  | { readonly kind: "withdrawn"; readonly commands: readonly Command[]; readonly proposed: boolean };

/** The reason why a replica does not take a command. Nothing has happened; trying again later is safe. */
export type Refusal = "queue-full" | "command-too-large";

/** Collects the outputs of one step of a role, in order. */
export class Outputs {
  #collected: Output[] = [];

  /** Everything collected since the last call. */
  take(): Output[] {
    const collected = this.#collected;
    this.#collected = [];
    return collected;
  }

  persist(record: AcceptorRecord): void {
    this.#collected.push({ kind: "persist", record });
  }

  send(to: Peer, message: Message): void {
    this.#collected.push({ kind: "send", to, message });
  }

  sendDurable(to: Peer, message: Message): void {
    this.#collected.push({ kind: "send-durable", to, message });
  }

  apply(slot: number, value: Value): void {
    this.#collected.push({ kind: "apply", slot, value });
  }

  jumpedOver(value: Value): void {
    this.#collected.push({ kind: "jumped-over", value });
  }

  refuse(command: Command, reason: Refusal): void {
    this.#collected.push({ kind: "refuse", command, reason });
  }

  withdrawn(commands: readonly Command[], proposed: boolean): void {
    this.#collected.push({ kind: "withdrawn", commands, proposed });
  }
}

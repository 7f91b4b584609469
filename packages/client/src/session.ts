import { SequenceWindow } from "@synod/wire";
import type { Call, Numbered } from "./call.js";

/** A session that was opened by a decided command, and the calls that wait for an answer under it. */
export class Session {
  readonly clientId: string;
  readonly calls = new Map<number, Call>();
  readonly #window: SequenceWindow;

  constructor(clientId: string, width: number) {
    this.clientId = clientId;
    this.#window = new SequenceWindow(width);
  }

  /** Gives the call its number; false while the window is full. */
  adopt(call: Call): boolean {
    const acknowledged = this.#window.mark;
    const sequence = this.#window.take();
    if (sequence === undefined) return false;
    const numbered: Numbered = {
      session: this,
      command: { clientId: this.clientId, sequence, acknowledged, ...call.operation },
    };
    call.numbered = numbered;
    this.calls.set(sequence, call);
    return true;
  }

  /** The call's answer arrived, or nobody waits for it any more. */
  settle(sequence: number): void {
    this.calls.delete(sequence);
    this.#window.settle(sequence);
  }
}

/** One operation on a replicated service: PMMC 2.1's ⟨client, cid, operation⟩. */
export interface Command {
  /** The session it belongs to, opened by a decided command, so never reused. Empty for opening one. */
  readonly clientId: string;
  /** Number within the session, from 1. */
  readonly sequence: number;
  /** The client has every answer up to this sequence. Never falls. */
  readonly acknowledged: number;
  /** Full name, e.g. `synod.kv.v1.KeyValue`. */
  readonly service: string;
  readonly method: string;
  /** The encoded request message of the method. */
  readonly request: Uint8Array;
}

/** Rough size in bytes on the wire and in queues, as limits count it. */
export function commandBytes(command: Command): number {
  return (
    command.request.length + command.clientId.length + command.service.length + command.method.length + 24
  );
}

/** The decision of one slot, decoded. */
export interface DecidedSlot {
  readonly slot: number;
  /** `r1/7f3a2c/12`: replica, incarnation and number of the proposal; empty for a no-op. */
  readonly proposal: string;
  readonly content: DecidedContent;
}

export type DecidedContent =
  | {
      readonly kind: "batch";
      readonly commands: readonly DecidedCommand[];
      /** Log time as the proposer saw it, in milliseconds; 0 when it said none. */
      readonly logTimeMs: number;
    }
  | { readonly kind: "configuration"; readonly number: number; readonly members: string }
  | { readonly kind: "no-op" };

export interface DecidedCommand {
  readonly clientId: string;
  readonly sequence: number;
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
  /** The request as JSON when its service is known here or described by the replica. */
  readonly requestJson: unknown;
}

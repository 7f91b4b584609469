/** A command that a handler asks for at a later log time; it is one of the same service. */
export interface Scheduling {
  /** Log time, in milliseconds. */
  readonly atMs: number;
  readonly method: string;
  readonly request: Uint8Array;
  /** Names it, so that scheduling again under the same id moves it. */
  readonly id?: string | undefined;
}

/**
 * Exit codes of `synod`. They are the services' own (ExitCode in @synod/node) where they mean the same; that package is
 * not loaded here, because commands that only ask a running cluster should start quickly.
 */
export const exitCode = Object.freeze({
  done: 0,
  /** It did not work out: an absent key, a cluster that cannot move, results that differ. */
  failed: 1,
  /** Wrong usage: an unknown command or flag, a value that makes no sense. */
  usage: 2,
  /** A port is in use. */
  addressInUse: 3,
  /** A backup is damaged, of another format, or no backup. */
  damaged: 5,
  /** Another process owns the data directory. */
  owned: 6,
});

/** An end that the user can do something about: printed as one message, without a stack. */
export class Failure extends Error {
  readonly code: number;

  constructor(message: string, code: number = exitCode.failed) {
    super(message);
    this.code = code;
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { InvariantViolation } from "@synod/core";
import { OtherStateFormat } from "@synod/state-machine";
import { StoreError, type StoreErrorReason } from "@synod/storage";
import { ConfigurationError } from "../configuration/problem.js";
import { ExitCode } from "./exit-code.js";
import { systemSentence } from "./system-error.js";

/** An end of the process with a known cause: its message is for a person, and needs no stack. */
export class ServiceFailure extends Error {
  override readonly name = "ServiceFailure";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

const storeExitCodes: Readonly<Record<StoreErrorReason, ExitCode>> = {
  missing: ExitCode.noStore,
  occupied: ExitCode.foreignStore,
  foreign: ExitCode.foreignStore,
  format: ExitCode.foreignStore,
  damaged: ExitCode.foreignStore,
  owned: ExitCode.storeOwned,
  failed: ExitCode.writeFailed,
};

/** The exit code that an error ends a service with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ServiceFailure) return error.exitCode;
  if (error instanceof ConfigurationError) return ExitCode.badConfiguration;
  if (error instanceof InvariantViolation) return ExitCode.invariantViolated;
  if (error instanceof OtherStateFormat) return ExitCode.foreignStore;
  if (error instanceof StoreError) return storeExitCodes[error.reason];
  const text = `${(error as { code?: unknown } | undefined)?.code} ${messageOf(error)}`;
  if (/\buv_cwd\b/.test(text)) return ExitCode.badConfiguration;
  if (/\bEADDRINUSE\b/.test(text)) return ExitCode.addressInUse;
  // Not an address of this machine, not a name, or a port that needs more rights: what was configured cannot be.
  if (/\b(EADDRNOTAVAIL|EACCES)\b|^cannot listen|Name resolution failed/.test(text))
    return ExitCode.badConfiguration;
  if (/\b(EIO|ENOSPC|EROFS|EDQUOT)\b/.test(text)) return ExitCode.writeFailed;
  return ExitCode.unexpected;
}

/** The last words, for a person, of a process that ends with this code. */
export function lastWords(exitCode: number, error: unknown): string {
  const message = (exitCode === ExitCode.unexpected ? undefined : systemSentence(error)) ?? messageOf(error);
  if (exitCode === ExitCode.unexpected && !(error instanceof ServiceFailure)) {
    return `ended by an unexpected error: ${message} (this is a defect; its stack stands in the log)`;
  }
  if (exitCode === ExitCode.invariantViolated) {
    return `stopped rather than go on with an invariant violated: ${message}. Keep the data directory and report it`;
  }
  return message;
}

/** The words of any caught value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

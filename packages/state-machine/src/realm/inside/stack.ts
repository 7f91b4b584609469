/** Evaluated inside: what the process is told of a stack trace, and what stays in its place. */
export type Prepare = (error: object, sites: readonly object[]) => void;

/**
 * Evaluated inside. A stack trace has the places of files and the words of an engine, so a handler that reads one finds the
 * error's name and message only; the whole goes to the process, for its log.
 */
export function installStack(prepare: Prepare): void {
  const header = (error: object): string => {
    const { name = "Error", message = "" } = error as { name?: unknown; message?: unknown };
    return message === "" ? String(name) : `${String(name)}: ${String(message)}`;
  };
  const described = (error: object, sites: readonly object[]): string => {
    prepare(error, sites);
    return header(error);
  };
  // Whoever sets it, as some packages do, goes on without it.
  Object.defineProperty(Error, "prepareStackTrace", {
    get: () => described,
    set: () => {},
    configurable: false,
  });
  Object.defineProperty(Error, "stackTraceLimit", { value: 30, writable: true, configurable: false });
}

/** Set to 1 by a parent that holds the service's standard input open for as long as it lives. */
export const stopWithParentVariable = "SYNOD_STOP_WITH_PARENT";

/**
 * Calls `stop`, once, when the process that started this one is gone, however it went: a killed parent runs no handler, but
 * the kernel closes its end of the pipe. Does nothing unless the variable is set, because a service under systemd or a
 * container engine has a closed standard input from the start.
 */
export function stopWithParent(
  stop: (reason: string) => void,
  environment: NodeJS.ProcessEnv = process.env,
  input: NodeJS.ReadStream = process.stdin,
): void {
  if (environment[stopWithParentVariable] !== "1") return;
  let gone = false;
  const parentGone = () => {
    if (gone) return;
    gone = true;
    stop("the process that started this one is gone");
  };
  input.on("end", parentGone);
  input.on("close", parentGone);
  input.on("error", parentGone);
  input.resume();
  // The service decides how long it lives, not this pipe.
  input.unref?.();
}

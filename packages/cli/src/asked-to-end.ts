import { whenWrapperGone } from "./wrapper.js";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls back whenever the command is asked to end: Ctrl-C, a polite kill, a closed terminal, or the end of the npm that runs it.
 * Returns how to stop listening.
 */
export function whenAskedToEnd(asked: () => void): () => void {
  for (const signal of signals) process.on(signal, asked);
  const look = whenWrapperGone(asked);
  return () => {
    for (const signal of signals) process.off(signal, asked);
    look();
  };
}

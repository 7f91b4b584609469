import { readFileSync } from "node:fs";

/** A process as `/proc/PID` shows it. */
export interface Shown {
  readonly parent: number;
  readonly session: number;
  /** Its words, or the title that it has given itself. */
  readonly title: string;
}

const lookEveryMs = 250;
const packageManager = /^(\S*\/)?(node\S* +)?(\S*\/)?(npm|npx|pnpm|yarn)(-cli)?(\.c?js)?( |$)/;

/**
 * The processes between the package manager that started this one and this one, its parent first: npm itself, or `sh -c` and then
 * npm. Empty when none did, and for a process that has left npm's session with `setsid` to outlive it.
 */
export function wrappersOf(pid: number, show: (pid: number) => Shown | undefined): number[] {
  const own = show(pid);
  const parent = own && show(own.parent);
  if (own === undefined || parent === undefined) return [];
  if (packageManager.test(parent.title)) return parent.session === own.session ? [own.parent] : [];
  const grandparent = show(parent.parent);
  const isWrapped = grandparent !== undefined && packageManager.test(grandparent.title);
  return isWrapped && grandparent.session === own.session ? [own.parent, parent.parent] : [];
}

export interface Looking {
  readonly pid: number;
  readonly show: (pid: number) => Shown | undefined;
  /** False where no package manager can be found: most processes need not look for one. */
  readonly isWrapped: boolean;
}

/**
 * Calls back, once, when a process between the package manager and this one is gone: npm passes SIGTERM on to its `sh -c` alone,
 * which dies of it and leaves its child behind, and nobody passes kill -9 on. Returns how to stop looking.
 */
export function whenWrapperGone(gone: () => void, looking: Looking = ownLooking()): () => void {
  const { pid, show, isWrapped } = looking;
  const wrappers = isWrapped ? wrappersOf(pid, show) : [];
  if (wrappers.length === 0) return () => {};
  const timer = setInterval(() => {
    // A process whose parent is gone has another one from then on.
    const isIntact = wrappers.every((wrapper, index) => show(wrappers[index - 1] ?? pid)?.parent === wrapper);
    if (isIntact) return;
    clearInterval(timer);
    gone();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function ownLooking(): Looking {
  return { pid: process.pid, show: shown, isWrapped: process.env.npm_execpath !== undefined };
}

function shown(pid: number): Shown | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets, and may hold brackets and spaces itself.
    const [, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const title = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { parent: Number(parent), session: Number(session), title };
  } catch {
    return undefined;
  }
}

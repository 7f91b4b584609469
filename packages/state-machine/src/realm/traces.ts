import type { Bundle } from "./bundle.js";

interface Site {
  getFileName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  getFunctionName(): string | null;
}

/** The stack traces of errors of realms, which the realms do not show. */
const traces = new WeakMap<object, string>();

/** Keeps the trace of an error, with the places that users know. */
export function keepTrace(error: object, sites: readonly object[], bundle: Bundle | undefined): void {
  traces.set(error, (sites as readonly Site[]).map((site) => line(site, bundle)).join("\n"));
}

/** True when the innermost code of a bundle that is being called belongs to a package, not to the user's own project. */
export function isCalledByPackage(bundle: Bundle): boolean {
  const { prepareStackTrace } = Error;
  let sites: readonly Site[] = [];
  Error.prepareStackTrace = (_, found) => {
    sites = found;
    return "";
  };
  void new Error().stack;
  Error.prepareStackTrace = prepareStackTrace;
  const caller = sites.find((site) => site.getFileName() === bundle.file);
  return caller !== undefined && /[\\/]node_modules[\\/]/.test(place(caller, bundle));
}

function line(site: Site, bundle: Bundle | undefined): string {
  const name = site.getFunctionName();
  return name === null ? `    at ${place(site, bundle)}` : `    at ${name} (${place(site, bundle)})`;
}

function place(site: Site, bundle: Bundle | undefined): string {
  const [row, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
  if (bundle !== undefined && site.getFileName() === bundle.file) {
    const entry = bundle.sourceMap.findEntry(row - 1, column - 1);
    if ("originalSource" in entry)
      return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  }
  return `${site.getFileName() ?? "native"}:${row}:${column}`;
}

/** The names of missing globals, and what there is instead. */
const missing: Readonly<Record<string, string>> = {
  process: "a request that carries what it needs, or a table",
  navigator: "a request that carries what it needs, or a table",
  Temporal: "context.time",
  WeakRef: "a Map or a table",
  FinalizationRegistry: "a Map or a table",
  SharedArrayBuffer: "an ArrayBuffer",
  Atomics: "a table",
  WebAssembly: "JavaScript",
  XMLHttpRequest: "a request that carries what it needs, or a table",
  WebSocket: "a request that carries what it needs, or a table",
};

/** The error of the process that says what an error of a realm says, with its stack. Others are given back as they are. */
export function told(error: unknown): unknown {
  if (typeof error !== "object" || error === null || error instanceof Error) return error;
  const { name, message, stack, cause } = error as Error;
  if (typeof name !== "string" || typeof message !== "string") return error;
  // Asking for the stack is what makes it.
  const frames = typeof stack === "string" ? traces.get(error) : undefined;
  const [, lacking = ""] = /^(\w+) is not defined$/.exec(message) ?? [];
  const instead = name === "ReferenceError" ? missing[lacking] : undefined;
  const words = instead === undefined ? message : `${message} in a handler: expected ${instead} instead`;
  const copy = new Error(words, cause === undefined ? {} : { cause: told(cause) });
  copy.name = name;
  copy.stack = [`${name}: ${words}`, ...(frames === undefined ? [] : [frames])].join("\n");
  return copy;
}

/** True when something was thrown by the code of a realm. */
export function isOfRealm(reason: unknown): boolean {
  if (typeof reason !== "object" || reason === null || reason instanceof Error) return false;
  return typeof (reason as Partial<Error>).stack === "string";
}

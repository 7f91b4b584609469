import path from "node:path";
import { parseArgs } from "node:util";
import { shown } from "./problem.js";

/** Something a process can be told, in up to three ways. */
export interface Setting {
  /** Its field in the configuration file; absent when it cannot stand there. */
  readonly field?: string;
  /** Without the dashes. */
  readonly flag: string;
  readonly variable: string;
  /** The placeholder for the value in the help. */
  readonly placeholder: string;
  readonly help: string;
  /** It may be given several times; its variable holds several, with the system's path separator between. */
  readonly list?: boolean;
}

/** A value and where it came from. */
export interface Given {
  readonly value: unknown;
  /** For messages: `--id`, `SYNOD_ID` or `a1.json: id`. */
  readonly origin: string;
  readonly source: "flag" | "variable" | "file";
  /** Directory that a relative path is meant from. */
  readonly base: string;
}

export interface CommandLine<Name extends string> {
  readonly given: Readonly<Partial<Record<Name, Given>>>;
  readonly help: boolean;
  readonly version: boolean;
  readonly problems: readonly string[];
}

/** Every variable of Synod's begins so, and one that nobody knows is refused: it is most likely misspelt. */
const variablePrefix = "SYNOD_";

/** Kubernetes sets these for every service in the namespace, also for those called synod-something. */
const serviceLink =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/**
 * Reads flags and variables; a flag wins over a variable. Every problem is gathered, none thrown.
 * @param otherVariables SYNOD_ variables that mean something elsewhere and are left alone
 */
export function readCommandLine<Name extends string>(
  settings: Readonly<Record<Name, Setting>>,
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
  otherVariables: readonly string[] = [],
): CommandLine<Name> {
  const problems: string[] = [];
  const given: Partial<Record<Name, Given>> = {};
  const names = Object.keys(settings) as Name[];
  const base = process.cwd();
  for (const name of names) {
    const { variable } = settings[name];
    const value = environment[variable];
    // Set but empty is how a compose file or a shell leaves one out.
    if (value)
      given[name] = {
        value: variableValue(settings[name], value),
        origin: variable,
        source: "variable",
        base,
      };
  }
  const variables = new Set([...names.map((name) => settings[name].variable), ...otherVariables]);
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith(variablePrefix) || variables.has(variable) || serviceLink.test(variable))
      continue;
    problems.push(`${variable}: unknown variable; those of Synod are ${[...variables].join(", ")}`);
  }
  const { flags, help, version } = readFlags(
    names.map((name) => settings[name]),
    parameters,
    problems,
  );
  for (const name of names) {
    const { flag, list } = settings[name];
    const values = flags.get(flag);
    if (values === undefined) continue;
    given[name] = { value: list ? values : values[0], origin: `--${flag}`, source: "flag", base };
  }
  return { given, help, version, problems };
}

function variableValue({ list }: Setting, value: string): string | readonly string[] {
  return list ? value.split(path.delimiter).filter((part) => part !== "") : value;
}

function readFlags(
  settings: readonly Setting[],
  parameters: readonly string[],
  problems: string[],
): { flags: Map<string, string[]>; help: boolean; version: boolean } {
  const known = settings.map(({ flag }) => flag);
  const lists = settings.filter(({ list }) => list).map(({ flag }) => flag);
  const flags = new Map<string, string[]>();
  const { tokens } = parseArgs({
    args: [...parameters],
    options: {
      ...Object.fromEntries(known.map((flag) => [flag, { type: "string" } as const])),
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
    // Strict mode stops at the first problem.
    strict: false,
    tokens: true,
  });
  const asked = { help: false, version: false };
  let previous: (typeof tokens)[number] | undefined;
  for (const token of tokens) {
    const before = previous;
    previous = token;
    // Most likely the value of the unknown flag before it, which is a problem of its own.
    const belongs =
      before?.kind === "option" &&
      !before.inlineValue &&
      ![...known, "help", "version"].includes(before.name);
    if (token.kind === "positional" && !belongs)
      problems.push(`${shown(token.value)}: expected only flags here`);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    if (name === "help" || name === "version") asked[name] = true;
    else if (!known.includes(name)) {
      problems.push(`${rawName}: unknown flag; the flags are ${known.map((flag) => `--${flag}`).join(", ")}`);
    } else if (value === undefined || value === "" || (!inlineValue && value.startsWith("-"))) {
      problems.push(`${rawName}: expected a value, found ${shown(value)}`);
    } else if (flags.has(name) && !lists.includes(name))
      problems.push(`${rawName}: expected once, found again`);
    else flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return { flags, ...asked };
}

/** The settings as `--help` lists them. */
export function settingsHelp(settings: Readonly<Record<string, Setting>>): string {
  const rows = Object.values(settings).map(
    ({ flag, placeholder, variable, help }) => [`--${flag} ${placeholder}`, variable, help] as const,
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  return rows
    .map((row) => `  ${row[0].padEnd(widths[0] ?? 0)}  ${row[1].padEnd(widths[1] ?? 0)}  ${row[2]}`)
    .join("\n");
}

/** A path that was given, made absolute. */
export function pathOf({ value, base }: Given): string {
  return path.resolve(base, String(value));
}

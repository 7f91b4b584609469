import {
  type ConfigurationAnswer,
  ConfigurationError,
  expectedName,
  packageVersion,
  pathOf,
  readCommandLine,
  readConfiguration,
  type Setting,
  settingsHelp,
  sharedVariables,
} from "@synod/node";
import { isName } from "@synod/wire";

export const name = "synod-acceptor";
export const version = packageVersion(import.meta.url);

const initLine = `${name} init --data DIR --id ID`;

/** Reads this acceptor's configuration. Throws `ConfigurationError` with every problem. */
export function acceptorConfiguration(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): ConfigurationAnswer {
  const commands = [
    initLine,
    "",
    "Makes an acceptor's store and prints the store's id, for the cluster file.",
  ];
  return readConfiguration({ name, role: "acceptor", version, commands, parameters, environment });
}

/** What `init` is told. */
export interface InitOptions {
  readonly kind: "init";
  readonly id: string;
  /** Absolute. */
  readonly data: string;
}

const initSettings: Readonly<Record<"data" | "id", Setting>> = {
  data: {
    flag: "data",
    variable: "SYNOD_DATA",
    placeholder: "DIR",
    help: "a directory that is absent or empty",
  },
  id: {
    flag: "id",
    variable: "SYNOD_ID",
    placeholder: "ID",
    help: "the acceptor's name in the cluster file to be",
  },
};

/** Reads what follows `init`. Throws `ConfigurationError` with every problem. */
export function initOptions(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): InitOptions | Extract<ConfigurationAnswer, { kind: "text" }> {
  const line = readCommandLine(initSettings, parameters, environment, sharedVariables);
  if (line.help) return { kind: "text", text: `${initLine}\n\n${settingsHelp(initSettings)}` };
  if (line.version) return { kind: "text", text: `${name} ${version}` };
  const { data, id } = line.given;
  const problems = [...line.problems];
  if (!data) problems.push("data: expected --data or SYNOD_DATA, found neither");
  if (!id) problems.push("id: expected --id or SYNOD_ID, found neither");
  else if (!isName(String(id.value)))
    problems.push(`${id.origin}: expected ${expectedName}, found "${id.value}"`);
  if (problems.length > 0 || !data || !id) throw new ConfigurationError(problems);
  return { kind: "init", id: String(id.value), data: pathOf(data) };
}

import path from "node:path";
import type { Genesis, Limits, Role } from "@synod/core";
import { type Address, expectedListenAddress, isLoopback, isName, parseAddress } from "@synod/wire";
import {
  type ClusterFile,
  clusterIdOf,
  expectedName,
  genesisOf,
  listOf,
  readClusterFile,
} from "./cluster-file.js";
import {
  type GivenSettings,
  type LogLevel,
  logLevels,
  nothingGiven,
  readFileSettings,
  type SettingName,
  settings,
  sharedVariables,
} from "./config-file.js";
import { ConfigurationError, shown } from "./problem.js";
import { type Given, pathOf, readCommandLine, type Setting, settingsHelp } from "./settings.js";

/** The configuration of one service; all of it checked. */
export interface ServiceConfiguration {
  readonly role: Role;
  readonly id: string;
  readonly cluster: ClusterFile;
  readonly clusterId: string;
  readonly genesis: Genesis;
  /** Absolute path of the data directory; empty for a leader, which keeps nothing. */
  readonly data: string;
  /** Absolute paths of the modules with users' replicated services; none but a replica has any. */
  readonly services: readonly string[];
  readonly listen: Address;
  /** True when others than this machine may connect: the traffic is neither encrypted nor authenticated. */
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
  readonly limits: Limits;
}

/** The service that reads its configuration, and its sources. */
export interface ConfigurationRequest {
  /** The command's name, for the help. */
  readonly name: string;
  readonly role: Role;
  readonly version: string;
  /** Lines of the help on further commands. */
  readonly commands?: readonly string[];
  readonly parameters: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

export type ConfigurationAnswer =
  | { readonly kind: "configuration"; readonly configuration: ServiceConfiguration }
  /** `--help` or `--version`: to be printed, and nothing else done. */
  | { readonly kind: "text"; readonly text: string };

/**
 * One service's configuration: a flag wins over a `SYNOD_*` variable, that over the `--config` file. Relative paths
 * are meant from the file they stand in, else from the working directory. Throws `ConfigurationError` with every
 * problem found, those of the cluster file included.
 */
export function readConfiguration(request: ConfigurationRequest): ConfigurationAnswer {
  const { name, role, parameters, environment, version } = request;
  const taken = settingsOf(role);
  const line = readCommandLine(taken as typeof settings, parameters, environment, sharedVariables);
  if (line.help) return { kind: "text", text: helpText(request, taken) };
  if (line.version) return { kind: "text", text: `${name} ${version}` };
  const problems = [...line.problems];
  const file = line.given.config ? readFileSettings(line.given.config, role, problems) : nothingGiven;
  const reader = new Reader({ ...file.given, ...line.given }, problems);
  const cluster = reader.cluster();
  const id = reader.id(role, cluster);
  const address = cluster?.[listOf[role]].find((member) => member.id === id)?.address;
  const data = role === "leader" ? "" : reader.data();
  const services = role === "replica" ? reader.services() : [];
  const { listen, insecure } = reader.listen(address);
  const logLevel = reader.logLevel();
  if (problems.length > 0 || !cluster || !listen) throw new ConfigurationError(problems);
  const configuration = {
    role,
    id,
    cluster,
    clusterId: clusterIdOf(cluster),
    genesis: genesisOf(cluster),
    data,
    services,
    listen,
    insecure,
    logLevel,
    limits: file.limits,
  };
  return { kind: "configuration", configuration };
}

/** A leader keeps nothing on disk, and only replicas run services. */
function settingsOf(role: Role): Readonly<Record<string, Setting>> {
  const { data, services, ...others } = settings;
  if (role === "leader") return others;
  return role === "acceptor" ? { ...others, data } : settings;
}

function helpText(
  { name, role, commands = [] }: ConfigurationRequest,
  taken: Readonly<Record<string, Setting>>,
): string {
  return [
    `${name} --config FILE`,
    "",
    `Runs one ${role} of a Synod cluster until SIGTERM or SIGINT. A flag wins over a variable, that over the file.`,
    "",
    settingsHelp(taken),
    "  --help, --version",
    ...(commands.length > 0 ? ["", ...commands] : []),
  ].join("\n");
}

const ranks = { flag: 2, variable: 1, file: 0 } as const;

/** Checks one setting after the other, gathering problems. A value of the wrong type was named by the schema. */
class Reader {
  readonly #given: GivenSettings;
  readonly #problems: string[];

  constructor(given: GivenSettings, problems: string[]) {
    this.#given = given;
    this.#problems = problems;
  }

  cluster(): ClusterFile | undefined {
    const given = this.#text("cluster", true);
    if (!given) return undefined;
    try {
      return readClusterFile(pathOf(given));
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.#problems.push(...error.problems);
      return undefined;
    }
  }

  id(role: Role, cluster: ClusterFile | undefined): string {
    const given = this.#text("id", true);
    if (!given) return "";
    const { value: id, origin } = given;
    if (!isName(id)) this.#problems.push(`${origin}: expected ${expectedName}, found ${shown(id)}`);
    else if (cluster) {
      const ids = cluster[listOf[role]].map((member) => member.id);
      if (!ids.includes(id)) {
        const expected = `expected one of the cluster file's ${listOf[role]} (${ids.join(", ")})`;
        this.#problems.push(`${origin}: ${expected}, found ${shown(id)}`);
      }
    }
    return id;
  }

  data(): string {
    const given = this.#text("data", true);
    return given ? pathOf(given) : "";
  }

  services(): string[] {
    const given = this.#given.services;
    if (!Array.isArray(given?.value)) return [];
    const { value, base } = given;
    return value.filter((each) => typeof each === "string").map((each) => path.resolve(base, each));
  }

  logLevel(): LogLevel {
    const given = this.#text("logLevel", false);
    if (!given) return "info";
    const level = logLevels.find((candidate) => candidate === given.value);
    if (!level) {
      this.#problems.push(
        `${given.origin}: expected one of ${logLevels.join(", ")}, found ${shown(given.value)}`,
      );
    }
    return level ?? "info";
  }

  /** @param own this member's address in the cluster file, when that could be read */
  listen(own: string | undefined): { listen: Address | undefined; insecure: boolean } {
    const safe = this.#text("listen", false);
    const insecure = this.#text("insecureListen", false);
    if (safe && insecure && ranks[safe.source] === ranks[insecure.source]) {
      this.#problems.push(`${insecure.origin}: expected either this or ${safe.origin}, found both`);
    }
    if (insecure && (!safe || ranks[insecure.source] >= ranks[safe.source])) {
      return { listen: this.#address(insecure), insecure: true };
    }
    if (!safe) return { listen: this.#ownAddress(own), insecure: false };
    const listen = this.#address(safe);
    if (listen && !isLoopback(listen)) {
      const remedy = `to let other machines connect, give --insecure-listen ${listen.text}: traffic is neither encrypted nor authenticated`;
      this.#problems.push(
        `${safe.origin}: expected a loopback address, found ${shown(listen.text)}; ${remedy}`,
      );
    }
    return { listen, insecure: false };
  }

  #ownAddress(own: string | undefined): Address | undefined {
    const listen = own === undefined ? undefined : parseAddress(own);
    if (listen && !isLoopback(listen)) {
      const remedy = `give --insecure-listen HOST:PORT to let other machines connect (traffic is neither encrypted nor authenticated), or --listen with a loopback address`;
      this.#problems.push(
        `listen: expected an address to listen on, as ${listen.text} in the cluster file is not loopback: ${remedy}`,
      );
    }
    return listen;
  }

  #address(given: { value: string; origin: string }): Address | undefined {
    const address = parseAddress(given.value, 0);
    if (!address)
      this.#problems.push(`${given.origin}: expected ${expectedListenAddress}, found ${shown(given.value)}`);
    return address;
  }

  #text(name: SettingName, required: boolean): (Given & { value: string }) | undefined {
    const given = this.#given[name];
    if (given === undefined) {
      const { flag, variable, field } = settings[name];
      const ways = `--${flag}, ${variable} or "${field}" in the --config file`;
      if (required) this.#problems.push(`${field}: expected ${ways}, found none of them`);
      return undefined;
    }
    return typeof given.value === "string" && given.value !== ""
      ? { ...given, value: given.value }
      : undefined;
  }
}

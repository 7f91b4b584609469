import path from "node:path";
import { defaultLimits, type Limits, limitProblems, type Role } from "@synod/core";
import * as valibot from "valibot";
import { stopWithParentVariable } from "../process/parent.js";
import { readJsonFile } from "./json-file.js";
import { objectOf, schemaProblems } from "./schema.js";
import { type Given, pathOf, type Setting } from "./settings.js";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The names of a service's settings, besides limits, which stand in the file only. */
export type SettingName =
  | "config"
  | "id"
  | "cluster"
  | "data"
  | "services"
  | "listen"
  | "insecureListen"
  | "logLevel";

export const settings: Readonly<Record<SettingName, Setting>> = {
  config: {
    flag: "config",
    variable: "SYNOD_CONFIG",
    placeholder: "FILE",
    help: "a JSON file of {id, cluster, data, services, listen, insecureListen, logLevel, limits}",
  },
  id: {
    field: "id",
    flag: "id",
    variable: "SYNOD_ID",
    placeholder: "ID",
    help: "this member's name in the cluster file",
  },
  cluster: {
    field: "cluster",
    flag: "cluster",
    variable: "SYNOD_CLUSTER",
    placeholder: "FILE",
    help: "the cluster file",
  },
  data: {
    field: "data",
    flag: "data",
    variable: "SYNOD_DATA",
    placeholder: "DIR",
    help: "the data directory",
  },
  services: {
    field: "services",
    flag: "service",
    variable: "SYNOD_SERVICES",
    placeholder: "MODULE",
    help: "a compiled module whose default export is a replicated service; may be repeated",
    list: true,
  },
  listen: {
    field: "listen",
    flag: "listen",
    variable: "SYNOD_LISTEN",
    placeholder: "HOST:PORT",
    help: "a loopback address; by default this member's own in the cluster file",
  },
  insecureListen: {
    field: "insecureListen",
    flag: "insecure-listen",
    variable: "SYNOD_INSECURE_LISTEN",
    placeholder: "HOST:PORT",
    help: "any address, although traffic is neither encrypted nor authenticated",
  },
  logLevel: {
    field: "logLevel",
    flag: "log-level",
    variable: "SYNOD_LOG_LEVEL",
    placeholder: "LEVEL",
    help: `one of ${logLevels.join(", ")}; info by default`,
  },
};

/** Variables of Synod's that a command need not take: they may be set for every process on a machine. */
export const sharedVariables: readonly string[] = [
  ...Object.values(settings).map(({ variable }) => variable),
  stopWithParentVariable,
];

const text = valibot.pipe(valibot.string("a text"), valibot.nonEmpty("a text that is not empty"));
const oneText = valibot.optional(text);
const limit = valibot.optional(valibot.number("a whole number of at least 1"));
const limitFields = Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, limit]));
const fileFields = {
  id: oneText,
  cluster: oneText,
  data: oneText,
  services: valibot.optional(valibot.array(text, "a list of paths of service modules")),
  listen: oneText,
  insecureListen: oneText,
  logLevel: oneText,
  limits: valibot.optional(objectOf(limitFields, "an object of limits")),
};
const fileShape = objectOf(fileFields, "an object {id, cluster, …}");

const fieldsAt = (place: readonly PropertyKey[]) => (place[0] === "limits" ? limitFields : fileFields);

export type GivenSettings = Partial<Record<SettingName, Given>>;

export interface FileSettings {
  readonly given: GivenSettings;
  readonly limits: Limits;
}

export const nothingGiven: FileSettings = { given: {}, limits: defaultLimits };

/** Reads the `--config` file. Problems are added to the list; what can be read is read all the same. */
export function readFileSettings(config: Given, role: Role, problems: string[]): FileSettings {
  const file = pathOf(config);
  const name = path.basename(file);
  const { value, problems: unreadable } = readJsonFile(file);
  problems.push(...unreadable.map((problem) => `${name}: ${problem}`));
  if (value === undefined) return nothingGiven;
  const { issues = [] } = valibot.safeParse(fileShape, value);
  problems.push(...schemaProblems(issues, fieldsAt).map((problem) => `${name}: ${problem}`));
  const found = (typeof value === "object" ? (value ?? {}) : {}) as Record<string, unknown>;
  if (role === "leader" && found.data !== undefined) {
    problems.push(`${name}: data: unknown field; a leader keeps nothing on disk`);
  }
  if (role !== "replica" && found.services !== undefined) {
    problems.push(`${name}: services: unknown field; only replicas run services`);
  }
  const given: GivenSettings = {};
  for (const [setting, { field }] of Object.entries(settings) as [SettingName, Setting][]) {
    if (field === undefined || found[field] === undefined) continue;
    const origin = `${name}: ${field}`;
    given[setting] = { value: found[field], origin, source: "file", base: path.dirname(file) };
  }
  const limits = { ...defaultLimits, ...numbersOf(found.limits) };
  problems.push(...limitProblems(limits).map((problem) => `${name}: limits.${problem}`));
  return { given, limits };
}

/** A limit that is no number, or none at all, was named by the schema. */
function numbersOf(limits: unknown): Partial<Limits> {
  if (typeof limits !== "object" || limits === null) return {};
  return Object.fromEntries(
    Object.entries(limits).filter(([name, value]) => name in defaultLimits && typeof value === "number"),
  );
}

import path from "node:path";
import { defaultLimits, type Role } from "@synod/core";
import { describe, expect, test } from "vitest";
import { clusterIdOf, parseClusterFile } from "../src/configuration/cluster-file.js";
import { readConfiguration, type ServiceConfiguration } from "../src/configuration/config.js";
import { ConfigurationError } from "../src/configuration/problem.js";
import { filesIn, soundCluster } from "./support/cluster.js";

interface Given {
  readonly role?: Role;
  readonly files?: Readonly<Record<string, unknown>>;
  readonly parameters?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Reads a configuration; `DIR` in parameters and variables stands for the directory of the files. */
function read({ role = "acceptor", files = {}, parameters = [], environment = {} }: Given) {
  const directory = filesIn({ "cluster.json": soundCluster(), ...files });
  const placed = (text: string) => text.replace("DIR", directory);
  const answer = readConfiguration({
    name: `synod-${role}`,
    role,
    version: "1.2.3",
    parameters: parameters.map(placed),
    environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, placed(value)])),
  });
  return { directory, answer };
}

function configurationOf(given: Given): ServiceConfiguration & { directory: string } {
  const { answer, directory } = read(given);
  if (answer.kind !== "configuration") throw new Error(`expected a configuration, found ${answer.text}`);
  return { ...answer.configuration, directory };
}

function problemsOf(given: Given): readonly string[] {
  try {
    read(given);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

const sound = { id: "a1", cluster: "cluster.json", data: "a1" };

test("a file alone is enough, and its relative paths are meant from where it stands", () => {
  const found = configurationOf({ files: { "a1.json": sound }, parameters: ["--config", "DIR/a1.json"] });
  expect(found).toMatchObject({
    role: "acceptor",
    id: "a1",
    data: path.join(found.directory, "a1"),
    listen: { host: "127.0.0.1", port: 5101 },
    insecure: false,
    logLevel: "info",
    limits: defaultLimits,
    clusterId: clusterIdOf(parseClusterFile(JSON.stringify(soundCluster()))),
  });
  expect(found.genesis.configuration.acceptors).toHaveLength(3);
});

test("a flag wins over a variable, a variable over the file", () => {
  const files = { "a1.json": { ...sound, id: "a1", logLevel: "warn", listen: "127.0.0.1:1" } };
  const environment = { SYNOD_CONFIG: "DIR/a1.json", SYNOD_ID: "a2", SYNOD_LISTEN: "127.0.0.1:2" };
  const found = configurationOf({ files, environment, parameters: ["--listen=localhost:3"] });
  expect([found.logLevel, found.id, found.listen.text]).toEqual(["warn", "a2", "localhost:3"]);
});

test("flags and variables do without a file; their relative paths are meant from the working directory", () => {
  const environment = { SYNOD_CLUSTER: "DIR/cluster.json", SYNOD_DATA: "data-of-a1" };
  const found = configurationOf({ environment, parameters: ["--id", "a1"] });
  expect(found.data).toBe(path.resolve("data-of-a1"));
});

test("a leader needs no data directory", () => {
  const files = { "l1.json": { id: "l1", cluster: "cluster.json" } };
  const found = configurationOf({
    role: "leader",
    files,
    environment: { SYNOD_CONFIG: "DIR/l1.json", SYNOD_DATA: "shared" },
  });
  expect(found.data).toBe("");
});

test("limits in the file change what they name", () => {
  const files = { "a1.json": { ...sound, limits: { tickMs: 5 } } };
  expect(configurationOf({ files, parameters: ["--config", "DIR/a1.json"] }).limits).toEqual({
    ...defaultLimits,
    tickMs: 5,
  });
});

test("--insecure-listen opens what --listen refuses, and wins over the file's listen", () => {
  const files = { "a1.json": { ...sound, listen: "127.0.0.1:5101" } };
  const found = configurationOf({
    files,
    parameters: ["--config", "DIR/a1.json", "--insecure-listen", "0.0.0.0:5101"],
  });
  expect([found.listen.text, found.insecure]).toEqual(["0.0.0.0:5101", true]);
});

test.each(["127.0.0.1:0", "127.8.9.1:1", "localhost:1", "LOCALHOST:1", "[::1]:1", "[0:0:0:0:0:0:0:1]:1"])(
  "%s is loopback",
  (listen) => {
    const parameters = ["--config", "DIR/a1.json", "--listen", listen];
    expect(problemsOf({ files: { "a1.json": sound }, parameters })).toEqual([]);
  },
);

test.each(["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::2]:1", "example.org:1", "localhost.example:1"])(
  "%s is not loopback",
  (listen) => {
    const parameters = ["--config", "DIR/a1.json", "--listen", listen];
    expect(problemsOf({ files: { "a1.json": sound }, parameters })).toEqual([
      `--listen: expected a loopback address, found "${listen}"; to let other machines connect, give --insecure-listen ${listen}: traffic is neither encrypted nor authenticated`,
    ]);
  },
);

test("what Kubernetes sets for a service of this name is no variable of Synod's", () => {
  const environment = {
    SYNOD_CONFIG: "DIR/a1.json",
    SYNOD_REPLICA_SERVICE_HOST: "10.0.0.1",
    SYNOD_REPLICA_SERVICE_PORT_GRPC: "1",
    SYNOD_REPLICA_PORT: "tcp://10.0.0.1:1",
    SYNOD_REPLICA_PORT_1_TCP_ADDR: "10.0.0.1",
    SYNOD_STOP_WITH_PARENT: "1",
  };
  expect(problemsOf({ files: { "a1.json": sound }, environment })).toEqual([]);
});

test("--help and --version are texts, whatever else is wrong", () => {
  const help = read({ parameters: ["--help", "--what"] }).answer;
  expect(help.kind === "text" && help.text).toMatch(/--config FILE +SYNOD_CONFIG/);
  const leaderHelp = read({ role: "leader", parameters: ["-h"] }).answer;
  expect(leaderHelp.kind === "text" && leaderHelp.text).not.toMatch(/--data/);
  expect(read({ parameters: ["--version"] }).answer).toEqual({ kind: "text", text: "synod-acceptor 1.2.3" });
});

describe("every problem is named at once, with where it stands", () => {
  const config = ["--config", "DIR/a1.json"];
  const wrong: readonly (readonly [string, Given, readonly RegExp[]])[] = [
    [
      "nothing given",
      {},
      [
        /^cluster: expected --cluster, SYNOD_CLUSTER or "cluster" in the --config file, found none of them$/,
        /^id: expected --id, SYNOD_ID or "id" in the --config file, found none of them$/,
        /^data: expected --data, /,
      ],
    ],
    [
      "unknown flags, an argument, and an unknown variable",
      {
        files: { "a1.json": sound },
        parameters: [...config, "--port", "5", "--quiet", "--id", "a1", "b"],
        environment: { SYNOD_IDD: "a1" },
      },
      [
        /^SYNOD_IDD: unknown variable; those of Synod are SYNOD_CONFIG, SYNOD_ID, /,
        /^--port: unknown flag; the flags are --config, --id, /,
        /^"b": expected only flags here$/,
        /^--quiet: unknown flag; /,
      ],
    ],
    [
      "a flag without its value, and one given twice",
      { files: { "a1.json": sound }, parameters: [...config, "--id", "a1", "--id", "a2", "--data"] },
      [/^--id: expected once, found again$/, /^--data: expected a value, found nothing$/],
    ],
    [
      "a file that is not there, and an id that is no name",
      {
        parameters: [
          "--config",
          "DIR/none.json",
          "--cluster",
          "DIR/cluster.json",
          "--data",
          "x",
          "--id",
          "a 1",
        ],
      },
      [/^none\.json: expected a file, found none of this name$/, /^--id: expected a name .*, found "a 1"$/],
    ],
    [
      "unknown fields and a wrong type in the file",
      { files: { "a1.json": { ...sound, data: 7, port: 1, loglevel: "info" } }, parameters: config },
      [
        /^a1\.json: data: expected a text, found 7$/,
        /^a1\.json: port: unknown field; the fields here are id, cluster, data, /,
        /^a1\.json: loglevel: unknown field; /,
      ],
    ],
    [
      "a member of another role, a level that does not exist, and an address that is none",
      { files: { "a1.json": { ...sound, id: "l1", logLevel: "loud", listen: "here" } }, parameters: config },
      [
        /^a1\.json: id: expected one of the cluster file's acceptors \(a1, a2, a3\), found "l1"$/,
        /^a1\.json: logLevel: expected one of trace, debug, .*, found "loud"$/,
        /^a1\.json: listen: expected host:port with a port from 0 to 65535 .*, found "here"$/,
      ],
    ],
    [
      "problems of the cluster file beside those of the configuration",
      {
        files: {
          "cluster.json": { ...soundCluster(), window: 0, leaders: [] },
          "a1.json": { ...sound, logLevel: "x" },
        },
        parameters: config,
      },
      [
        /^cluster\.json: window: expected a whole number from 1 to 65536, found 0$/,
        /^cluster\.json: leaders: expected from 1 to 9 members, found 0$/,
        /^a1\.json: logLevel: /,
      ],
    ],
    [
      "a cluster file that is no JSON, and a listen that is not loopback",
      { files: { "cluster.json": "{", "a1.json": { ...sound, listen: "0.0.0.0:1" } }, parameters: config },
      [
        /^cluster\.json: not valid JSON at line 1, column 2: /,
        /^a1\.json: listen: expected a loopback address, found "0\.0\.0\.0:1"/,
      ],
    ],
    [
      "limits that are unknown, no number, too small, and at odds with each other",
      {
        files: {
          "a1.json": { ...sound, limits: { ticks: 1, tickMs: "20", resendTicks: 0, suspectAfterTicks: 10 } },
        },
        parameters: config,
      },
      [
        /^a1\.json: limits\.tickMs: expected a whole number of at least 1, found "20"$/,
        /^a1\.json: limits\.ticks: unknown field; the fields here are tickMs, /,
        /^a1\.json: limits\.resendTicks: expected a whole number of at least 1, found 0$/,
        /^a1\.json: limits\.suspectAfterTicks: expected more than twice heartbeatTicks/,
      ],
    ],
    [
      "two ways to listen at once, and a log level as a flag",
      {
        files: { "a1.json": sound },
        parameters: [
          ...config,
          "--listen",
          "127.0.0.1:1",
          "--insecure-listen",
          "0.0.0.0:1",
          "--log-level",
          "all",
        ],
      },
      [/^--insecure-listen: expected either this or --listen, found both$/, /^--log-level: expected one of /],
    ],
    [
      "an address in the cluster file that is not loopback, and a second mistake",
      {
        files: {
          "cluster.json": { ...soundCluster(), acceptors: [{ id: "a1", address: "node1:1", store: "s" }] },
          "a1.json": { ...sound, data: "" },
        },
        parameters: config,
      },
      [
        /^a1\.json: data: expected a text that is not empty, found ""$/,
        /^listen: .* node1:1 in the cluster file is not loopback: give --insecure-listen HOST:PORT/,
      ],
    ],
    [
      "a leader with a data directory, given as a field and as a flag",
      {
        role: "leader",
        files: { "a1.json": { id: "l1", cluster: "cluster.json", data: "x" } },
        parameters: [...config, "--data=y"],
      },
      [/^--data: unknown flag; /, /^a1\.json: data: unknown field; a leader keeps nothing on disk$/],
    ],
  ];

  test.each(wrong)("%s", (_, given, problems) => {
    const found = problemsOf(given);
    for (const problem of problems) expect(found).toContainEqual(expect.stringMatching(problem));
    expect(found).toHaveLength(problems.length);
  });
});

describe("service modules", () => {
  const replica = { id: "r1", cluster: "cluster.json", data: "r1" };

  test("may stand in the file, in a variable or in flags, each with paths meant from its own place", () => {
    const files = { "r1.json": { ...replica, services: ["a.js", "/b.js"] } };
    const from = (given: Given) => {
      const parameters = ["--config", "DIR/r1.json", ...(given.parameters ?? [])];
      return configurationOf({ ...given, role: "replica", files, parameters });
    };
    const { services, directory } = from({});
    expect(services).toEqual([path.join(directory, "a.js"), "/b.js"]);
    const environment = { SYNOD_SERVICES: ["c.js", "/d.js"].join(path.delimiter) };
    expect(from({ environment }).services).toEqual([path.resolve("c.js"), "/d.js"]);
    const parameters = ["--service", "/e.js", "--service=f.js"];
    expect(from({ environment, parameters }).services).toEqual(["/e.js", path.resolve("f.js")]);
  });

  test("are for replicas only, and a list of texts", () => {
    const parameters = ["--config", "DIR/a1.json"];
    expect(problemsOf({ files: { "a1.json": { ...sound, services: [] } }, parameters })).toEqual([
      "a1.json: services: unknown field; only replicas run services",
    ]);
    expect(
      problemsOf({ role: "replica", files: { "a1.json": { ...replica, services: "a.js" } }, parameters }),
    ).toEqual(['a1.json: services: expected a list of paths of service modules, found "a.js"']);
  });
});

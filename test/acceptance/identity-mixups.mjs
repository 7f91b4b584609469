// Two clusters that are taken for one another: at a peer's address, under a client that outlives one of them, on the ports of
// two projects, in a copied and in a renamed project. Each is refused by name; nothing is executed, and nothing lost.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "@synod/client";
import { descriptorSet, loadServices } from "@synod/wire";
import { root } from "./support/copy.mjs";
import { go, library, python } from "./support/living-clients.mjs";
import { need } from "./support/needs.mjs";
import { Processes, until } from "./support/processes.mjs";
import { callRaw } from "./support/raw.mjs";

export const name = "identity-mixups";
export const promise =
  "a cluster taken for another, by members, clients, commands and copies, is refused by both names: nothing executed, nothing lost";

/** @typedef {{ scratch: string, short: boolean, progress: (line: string) => void, expect: (right: boolean, what: string) => void }} Stage */

const store = "synod.kv.v1.KeyValue";
const methods = loadServices(descriptorSet).services.get(store)?.methods;
const one = { acceptors: 1, leaders: 1, replicas: 1 };

/** @param {{ parameters: string[], progress: (line: string) => void }} options `--short` leaves out Go, and what is slow */
export async function run({ parameters, progress }) {
  need(
    "python",
    "python generators",
    ...(parameters.includes("--short") ? [] : [/** @type {const} */ ("go")]),
  );
  const scratch = mkdtempSync(path.join(tmpdir(), "synod-identity-"));
  /** @type {string[]} */
  const problems = [];
  let held = 0;
  const expect = (/** @type {boolean} */ right, /** @type {string} */ what) => {
    if (right) held++;
    else problems.push(what);
    if (!right) progress(`WRONG ${what}`);
  };
  const stage = { scratch, short: parameters.includes("--short"), progress, expect };
  try {
    await atAPeersAddress(stage);
    const outlived = await underLivingClients(stage);
    await onOnePort(stage);
    if (!stage.short) await copiedAndRenamed(stage);
    return { holds: problems.length === 0, figures: { held, outlived, problems } };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {string} text @param {string[]} ids */
const names = (text, ids) => ids.every((id) => text.includes(id));

/** @param {string} address @param {string} method @param {object} request @param {Record<string, string>} [metadata] */
const kv = (address, method, request, metadata = {}) =>
  callRaw(address, `${store}/${method}`, request, { metadata, deadlineMs: 10_000 });

/** @param {string} address @param {string} key */
async function stored(address, key) {
  const { response } = await kv(address, "Get", { key });
  return String(response?.value ?? "");
}

/**
 * Replica 3 of one cluster comes back with an empty disk; at the addresses of its peers another cluster answers.
 * @param {Stage} stage
 */
async function atAPeersAddress({ progress, expect, short }) {
  const ours = await Processes.start({ acceptors: 1, leaders: 1, replicas: 3 });
  const theirs = await Processes.start({ acceptors: 1, leaders: 1, replicas: 2 });
  try {
    const [id, other] = [await clusterOf(ours, "r1"), await clusterOf(theirs, "r1")];
    for (let number = 0; number < (short ? 20 : 200); number++)
      await kv(theirs.address("r1"), "Put", { key: "who", value: Buffer.from(`theirs ${number}`) });
    for (let number = 0; number < 20; number++)
      await kv(ours.address("r1"), "Put", { key: "who", value: Buffer.from(`ours ${number}`) });
    await until("the acceptor to forget what all replicas have", async () => {
      const state = (await ours.status("a1"))?.state;
      return state?.role === "acceptor" && state.trimmedBelow > 10;
    });
    await ours.kill("r3");
    ours.loseData("r3");
    // The leader does not keep what is decided either: only other replicas can help.
    await ours.kill("l1");
    ours.start("l1");
    await ours.ready(["l1", "r1", "r2"]);
    const right = readFileSync(ours.member("r3").config, "utf8");
    const file = JSON.parse(readFileSync(ours.plan.clusterFile, "utf8"));
    const moved = file.replicas.map((/** @type {{ id: string }} */ member) =>
      member.id === "r3" ? member : { ...member, address: theirs.address(member.id) },
    );
    const wrong = path.join(path.dirname(ours.plan.clusterFile), "moved.json");
    writeFileSync(wrong, JSON.stringify({ ...file, replicas: moved }));
    writeFileSync(ours.member("r3").config, JSON.stringify({ ...JSON.parse(right), cluster: "moved.json" }));
    ours.start("r3");
    const log = () => (existsSync(ours.member("r3").log) ? readFileSync(ours.member("r3").log, "utf8") : "");
    await until("r3 to say who answers at its peers' addresses", async () => names(log(), [id, other]));
    progress(`r3 names both clusters: ${id}, ${other}`);
    const stale = await kv(ours.address("r3"), "Get", { key: "who" }, { "synod-read": "stale" });
    expect(!String(stale.response?.value ?? "").startsWith("theirs"), "r3 executed the other cluster's log");
    const { code } = await kv(ours.address("r1"), "Put", { key: "probe", value: Buffer.from("2") });
    expect(code === "OK", `a write through r1 beside the misled r3: ${code}`);
    await ours.kill("r3");
    writeFileSync(ours.member("r3").config, right);
    ours.start("r3");
    await ours.ready(["r3"]);
    expect(
      (await stored(ours.address("r3"), "who")) === "ours 19",
      "r3, with its peers' addresses again, has not what was written",
    );
  } finally {
    await ours.end();
    await theirs.end();
  }
}

/** @param {Processes} processes @param {string} id */
async function clusterOf(processes, id) {
  return /** @type {string} */ ((await processes.status(id, 5_000))?.clusterId);
}

/**
 * A cluster is deleted and made anew at the same addresses, while clients of the first one go on.
 * @param {Stage} stage
 */
async function underLivingClients({ scratch, short, progress, expect }) {
  const project = new Project(path.join(scratch, "recreated"), await freePort());
  /** @type {import("./support/living-clients.mjs").Living[]} */
  let living = [];
  try {
    const address = await project.up();
    const first = project.cluster;
    living = [library([address]), python(scratch, [address]), ...(short ? [] : [go(scratch, [address])])];
    const append = (/** @type {string} */ text) =>
      methods?.get("Append")?.encodeRequest({ key: "log", value: Buffer.from(text) }) ?? Buffer.alloc(0);
    for (const { language, call } of living) {
      const { outcome, details } = await call(store, "Append", append("1"));
      expect(outcome === "answered", `${language}, in its own cluster: ${outcome} ${details}`);
    }
    await project.stop();
    rmSync(project.directory, { recursive: true });
    await project.up();
    const second = project.cluster;
    // Somebody else's sessions, named by the same places in the log, with answers to the same sequences.
    const others = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const client = connect({ replicas: [address] });
        for (const text of ["a", "b"]) await client.execute(store, "Append", append(text));
        return client;
      }),
    );
    for (const client of others) client.close();
    const before = await stored(address, "log");
    /** @type {Record<string, string>} */
    const outlived = {};
    for (const { language, call } of living)
      for (const text of ["1", "2"]) {
        const { outcome, details } = await call(store, "Append", append(text));
        progress(`${language}: ${outcome}: ${details}`);
        outlived[language] = outcome;
        expect(outcome === "not-executed", `${language}, in another cluster: ${outcome} ${details}`);
        expect(names(details, [first, second]), `${language} does not name both clusters: ${details}`);
      }
    expect(
      (await stored(address, "log")) === before,
      "a command of a client of the first cluster was executed in the second",
    );
    const anew = library([address]);
    const { outcome } = await anew.call(store, "Append", append("z"));
    anew.close();
    expect(outcome === "answered", `a new client of the second cluster: ${outcome}`);
    return outlived;
  } finally {
    for (const { close } of living) close();
    await project.stop();
  }
}

/**
 * Two projects, one after the other on the same ports: no command of the first one reads, writes or saves the second's data.
 * @param {Stage} stage
 */
async function onOnePort({ scratch, progress, expect }) {
  const port = await freePort();
  const [first, second] = [
    new Project(path.join(scratch, "one"), port),
    new Project(path.join(scratch, "two"), port),
  ];
  try {
    await first.up();
    expect(first.run("kv", "put", "who", "one").code === 0, "kv put in the first project");
    const busy = second.run("up", "--data", "d", "--port", String(port), ...shape);
    expect(
      busy.code === 3 && names(busy.text, [first.cluster]),
      `up on its ports: ${busy.code} ${busy.text}`,
    );
    await first.stop();
    const address = await second.up();
    second.run("kv", "put", "who", "two");
    const ids = [first.cluster, second.cluster];
    const commands = [
      ["kv", "get", "who"],
      ["kv", "put", "who", "meant for one"],
      ["kv", "delete", "who"],
      ["kv", "range"],
      ["status"],
      ["log"],
      ["quota"],
      ["quota", "1GiB"],
      ["service", "list"],
      ["service", "switch", store, "1"],
      ["snapshot", "save", "backup"],
    ];
    for (const command of commands) {
      const { code, text } = first.run(...command);
      progress(`${command.join(" ")}: ${code}: ${text.split("\n")[0]}`);
      expect(
        code !== 0 && names(text, ids),
        `synod ${command.join(" ")} beside another cluster: ${code} ${text}`,
      );
    }
    expect(!existsSync(path.join(first.directory, "backup")), "a backup of the wrong cluster was saved");
    expect(second.run("kv", "get", "who").text.trim() === "two", "the second project's data changed");
    expect(
      first.run("kv", "get", "who", "--replica", address).text.trim() === "two",
      "--replica does not reach the one named",
    );
    await second.stop();
    await first.up();
    expect(
      first.run("kv", "get", "who").text.trim() === "one",
      "the first project's data are not as they were",
    );
    const third = new Project(path.join(scratch, "three"), await freePort());
    const elsewhere = await third.up();
    const mixed = first.run("kv", "get", "who", "--replica", address, "--replica", elsewhere);
    expect(
      mixed.code === 2 && names(mixed.text, [first.cluster, third.cluster]),
      `addresses of two clusters: ${mixed.text}`,
    );
    await third.stop();
  } finally {
    await first.stop();
    await second.stop();
  }
}

/**
 * A copied project runs its own code and is told apart from the original; a renamed one goes on.
 * @param {Stage} stage
 */
async function copiedAndRenamed({ scratch, expect }) {
  const original = new Project(path.join(scratch, "original"), await freePort());
  const source = path.join(root, "test/acceptance/versions");
  cpSync(path.join(source, "first.mjs"), path.join(original.directory, "first.mjs"));
  symlinkSync(path.join(root, "node_modules"), path.join(original.directory, "node_modules"));
  execFileSync(path.join(root, "node_modules/.bin/buf"), [
    ...["build", path.join(source, "proto-first"), "--config", '{"version":"v2"}'],
    ...["--as-file-descriptor-set", "-o", path.join(original.directory, "descriptors-first.binpb")],
  ]);
  const module = path.join(original.directory, "first.mjs");
  await original.up("--service", "first.mjs");
  expect(original.run("kv", "put", "who", "original").code === 0, "kv put in the original");
  await original.stop();
  const copy = new Project(path.join(scratch, "copy"), original.port);
  cpSync(original.directory, copy.directory, { recursive: true });
  await original.up();
  const early = copy.run("kv", "put", "who", "copy");
  expect(
    early.code !== 0 && early.text.includes("is a copy"),
    `a command in a copy never started: ${early.text}`,
  );
  const beside = copy.run("up", "--data", "d");
  expect(
    beside.code === 3 && names(beside.text, [original.cluster]),
    `a copy beside the original: ${beside.text}`,
  );
  await original.stop();
  // What the original's code is replaced by must not run in the copy.
  writeFileSync(module, 'throw new Error("the original\'s code");\n');
  await copy.up();
  expect(copy.run("kv", "get", "who").text.trim() === "original", "the copy has not what was copied");
  await copy.stop();
  const renamed = new Project(path.join(scratch, "renamed"), copy.port);
  renameSync(copy.directory, renamed.directory);
  await renamed.up();
  expect(renamed.run("kv", "get", "who").text.trim() === "original", "the renamed project lost what it had");
  await renamed.stop();
}

const shape = ["--acceptors", "1", "--leaders", "1", "--replicas", "1"];

async function freePort() {
  const { freePorts } = await import("@synod/cli");
  return freePorts(one.acceptors + one.leaders + one.replicas);
}

/** A directory in which `synod` is run, as a user would. */
class Project {
  directory;
  port;
  cluster = "";
  /** @type {{ child: import("node:child_process").ChildProcess, ended: Promise<unknown> } | undefined} */
  #running;

  /** @param {string} directory @param {number} port */
  constructor(directory, port) {
    this.directory = directory;
    this.port = port;
    mkdirSync(directory, { recursive: true });
  }

  /** Starts or resumes the cluster of the project. @param {string[]} more @returns {Promise<string>} its replica's address */
  async up(...more) {
    mkdirSync(this.directory, { recursive: true });
    const parameters = [synod, "up", "--json", "--data", "d", "--port", String(this.port), ...shape, ...more];
    const child = spawn(process.execPath, parameters, {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.#running = { child, ended };
    let printed = "";
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    const line = await new Promise((resolve, reject) => {
      child.stdout.on("data", (text) => {
        printed += text;
        if (printed.includes("\n")) resolve(printed.slice(0, printed.indexOf("\n")));
      });
      void ended.then((code) =>
        reject(new Error(`synod up in ${this.directory} ended with ${code}: ${said}`)),
      );
    });
    const noted = JSON.parse(readFileSync(path.join(this.directory, ".synod/current.json"), "utf8"));
    this.cluster = noted.cluster;
    return JSON.parse(line).replicas[0].address;
  }

  async stop() {
    this.#running?.child.kill("SIGTERM");
    await this.#running?.ended;
    this.#running = undefined;
  }

  /** @param {string[]} parameters */
  run(...parameters) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [synod, ...parameters], {
      cwd: this.directory,
      encoding: "utf8",
      timeout: 60_000,
    });
    return { code: status, text: stdout + stderr };
  }
}

const synod = path.join(root, "packages/cli/bin/synod.js");

// Clients in three languages that are started once and outlive their cluster: the library, and the sessions of docs/clients.md.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { connect, SynodError } from "@synod/client";
import { root } from "./copy.mjs";

/** @typedef {{ outcome: string, details: string }} Ended */
/** @typedef {{ language: string, call: (service: string, method: string, request: Uint8Array) => Promise<Ended>, close: () => void }} Living */

const example = path.join(root, "examples/ledger/clients");
const drivers = path.join(root, "test/acceptance/identity");
const buf = path.join(root, "node_modules/.bin/buf");
const protos = ["synod/v1/paxos.proto", "synod/v1/replica.proto"];

/** @param {string[]} replicas @returns {Living} */
export function library(replicas) {
  const client = connect({ replicas, deadlineMs: 15_000 });
  return {
    language: "TypeScript",
    async call(service, method, request) {
      try {
        await client.execute(service, method, request);
        return { outcome: "answered", details: "" };
      } catch (error) {
        if (!(error instanceof SynodError)) throw error;
        return { outcome: error.outcome.replace(" ", "-"), details: error.reason };
      }
    },
    close: () => client.close(),
  };
}

/** With code generated and run by Debian's tools. @param {string} directory @param {string[]} replicas @returns {Living} */
export function python(directory, replicas) {
  const folder = path.join(directory, "python");
  mkdirSync(folder);
  const set = path.join(folder, "protos.binpb");
  execFileSync(buf, [
    ...["build", path.join(root, "proto"), "--config", '{"version":"v2"}'],
    ...["--as-file-descriptor-set", "-o", set],
  ]);
  execFileSync("/usr/bin/protoc", [
    ...[`--descriptor_set_in=${set}`, "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin"],
    ...[`--python_out=${folder}`, `--grpc_out=${folder}`, ...protos],
  ]);
  cpSync(path.join(example, "python/session.py"), path.join(folder, "session.py"));
  cpSync(path.join(drivers, "living.py"), path.join(folder, "living.py"));
  return driven("Python", "/usr/bin/python3", [path.join(folder, "living.py"), ...replicas]);
}

const generators = {
  "google.golang.org/protobuf/cmd/protoc-gen-go": "v1.36.12",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc": "v1.6.2",
};

/** The modules come from Go's proxy, unless they are here already. @param {string} directory @param {string[]} replicas @returns {Living} */
export function go(directory, replicas) {
  const folder = path.join(directory, "go");
  mkdirSync(folder);
  cpSync(path.join(example, "go/session.go"), path.join(folder, "session.go"));
  cpSync(path.join(drivers, "living.go"), path.join(folder, "living.go"));
  const prefix = "example.com/client/gen";
  const template = {
    version: "v2",
    managed: { enabled: true, override: [{ file_option: "go_package_prefix", value: prefix }] },
    plugins: Object.entries(generators).map(([program, version]) => ({
      local: ["go", "run", `${program}@${version}`],
      out: "gen",
      opt: "paths=source_relative",
    })),
  };
  writeFileSync(path.join(folder, "buf.gen.json"), JSON.stringify(template));
  const ran = (/** @type {string} */ program, /** @type {string[]} */ parameters) =>
    execFileSync(program, parameters, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const paths = protos.flatMap((proto) => ["--path", path.join(root, "proto", proto)]);
  ran(buf, ["generate", path.join(root, "proto"), "--template", "buf.gen.json", ...paths]);
  ran("go", ["mod", "init", "example.com/client"]);
  ran("go", ["mod", "edit", "-require=google.golang.org/grpc@v1.85.0"]);
  ran("go", ["mod", "tidy"]);
  ran("go", ["build", "-o", "living", "."]);
  return driven("Go", path.join(folder, "living"), replicas);
}

/** A program that is given calls line by line. @param {string} language @param {string} program @param {string[]} parameters @returns {Living} */
function driven(language, program, parameters) {
  const env = { ...process.env, GRPC_VERBOSITY: "NONE" };
  const child = spawn(program, parameters, { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    language,
    async call(service, method, request) {
      child.stdin.write(`/${service}/${method} ${Buffer.from(request).toString("hex")}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the client in ${language} ended`);
      return JSON.parse(value);
    },
    close: () => void child.kill("SIGKILL"),
  };
}

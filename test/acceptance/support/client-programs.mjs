// The session classes of examples/ledger/clients as programs, each with a driver that reads calls and prints how they ended, line by line.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { descriptorSet } from "@synod/wire";
import { root } from "./copy.mjs";
import { fetched } from "./fetched.mjs";

const example = path.join(root, "examples/ledger/clients");
const protos = ["synod/v1/paxos.proto", "synod/v1/replica.proto"];

/**
 * With code generated and run by Debian's tools.
 * @param {string} directory to work in @param {string} driver file in Python @param {string[]} parameters
 */
export function pythonProgram(directory, driver, parameters) {
  const folder = path.join(directory, "python");
  mkdirSync(folder);
  const set = path.join(folder, "protos.binpb");
  writeFileSync(set, descriptorSet);
  execFileSync("/usr/bin/protoc", [
    ...[`--descriptor_set_in=${set}`, "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin"],
    ...[`--python_out=${folder}`, `--grpc_out=${folder}`, ...protos],
  ]);
  cpSync(path.join(example, "python/session.py"), path.join(folder, "session.py"));
  const program = path.join(folder, path.basename(driver));
  cpSync(driver, program);
  return started("/usr/bin/python3", [program, ...parameters]);
}

const generators = {
  "google.golang.org/protobuf/cmd/protoc-gen-go": "v1.36.12",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc": "v1.6.2",
};

/**
 * The modules come from Go's proxy, unless they are here already.
 * @param {string} directory to work in @param {string} driver file in Go @param {string[]} parameters
 */
export function goProgram(directory, driver, parameters) {
  const folder = path.join(directory, "go");
  mkdirSync(folder);
  cpSync(path.join(example, "go/session.go"), path.join(folder, "session.go"));
  cpSync(driver, path.join(folder, path.basename(driver)));
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
  const ran = (/** @type {string} */ program, /** @type {string[]} */ words) =>
    execFileSync(program, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const paths = protos.flatMap((proto) => ["--path", path.join(root, "proto", proto)]);
  const buf = path.join(root, "node_modules/.bin/buf");
  ran(buf, ["generate", path.join(root, "proto"), "--template", "buf.gen.json", ...paths]);
  ran("go", ["mod", "init", "example.com/client"]);
  ran("go", ["mod", "edit", "-require=google.golang.org/grpc@v1.85.0"]);
  fetched("Go's modules from its proxy", "go", ["mod", "tidy"], { cwd: folder });
  ran("go", ["build", "-o", "driver", "."]);
  return started(path.join(folder, "driver"), parameters);
}

/** @param {string} program @param {string[]} parameters */
function started(program, parameters) {
  const env = { ...process.env, GRPC_VERBOSITY: "NONE" };
  return spawn(program, parameters, { stdio: ["pipe", "pipe", "inherit"], env });
}

// What a client learns of every member that knows nothing but its address: by buf curl, and symbol by symbol on a stream
// of its own, in both versions of the reflection protocol. Compared with what buf makes of the protos.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { shell } from "./support/clone.mjs";
import { root } from "./support/copy.mjs";
import { compiledFiles, fileOf, filesOfSet } from "./support/descriptors.mjs";
import { everything, everythingProject } from "./support/everything.mjs";
import { Processes } from "./support/processes.mjs";
import { describedWhole } from "./support/reflected.mjs";
import { versions } from "./support/reflection-client.mjs";
import { typedCalls } from "./support/typed-calls.mjs";

export const name = "reflection";
export const promise =
  "every service of every role, and a user's with everything a proto can have, is described whole by reflection and called by it";

const common = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "synod.v1.Cluster",
];
const replicated = ["synod.calculator.v1.Calculator", "synod.kv.v1.KeyValue", "synod.lock.v1.Lock"];

/** Who serves what. @type {[member: string, services: string[]][]} */
const served = [
  ["a1", [...common, "synod.v1.Acceptor"].sort()],
  ["l1", [...common, "synod.v1.Leader"].sort()],
  ["r1", [...common, ...replicated, "synod.v1.Replica", everything].sort()],
];

/** One fault shows in many places. */
const shownProblems = 20;

/** @param {import("./run.mjs").Options} options */
export async function run({ progress }) {
  const folder = mkdtempSync(path.join(tmpdir(), "synod-reflection-"));
  /** @type {Processes | undefined} */
  let processes;
  try {
    const project = await everythingProject(folder);
    const own = compiledFiles(path.join(root, "proto"));
    const users = compiledFiles(project.protos);
    const problems = differences("what synod generate wrote", filesOfSet(project.generated), users);
    const all = new Map([...users, ...own]);
    processes = await Processes.start({ acceptors: 1, leaders: 1, replicas: 1 }, [project.module]);
    const figures = { services: 0, methods: 0, symbols: 0, files: 0, typedCalls: 0 };
    for (const [member, services] of served) {
      const address = processes.address(member);
      const methods = methodsOf(all, services);
      for (const version of versions) {
        problems.push(...(await listed(address, version, services, methods)));
        const found = await describedWhole(address, version, services, all);
        problems.push(...found.problems.map((problem) => `${member} by ${version}: ${problem}`));
        figures.symbols += found.symbols;
        figures.files += found.files;
        for (const call of typedCalls(member)) {
          problems.push(...(await called(address, version, call)));
          figures.typedCalls += 1;
        }
        progress(
          `${member} by ${version}: ${services.length} services, ${methods.length} methods, ${found.symbols} symbols, ${found.files} files`,
        );
      }
      figures.services += services.length;
      figures.methods += methods.length;
    }
    const first = problems.slice(0, shownProblems);
    for (const problem of first) progress(`PROBLEM ${problem}`);
    return {
      holds: problems.length === 0 && figures.symbols > 1_000,
      figures: { ...figures, problems: problems.length, first },
    };
  } finally {
    await processes?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Map<string, Buffer>} files @param {string[]} services */
function methodsOf(files, services) {
  return [...files.values()]
    .map(fileOf)
    .flatMap((file) =>
      file.service.flatMap((service) =>
        (service.method ?? []).map((method) => [`${file.package}.${service.name}`, method.name]),
      ),
    )
    .filter(([service = ""]) => services.includes(service))
    .map(([service, method]) => `${service}/${method}`)
    .sort();
}

/** @param {string} what @param {Map<string, Buffer>} found @param {Map<string, Buffer>} expected */
function differences(what, found, expected) {
  return [...new Set([...found.keys(), ...expected.keys()])]
    .filter((file) => !found.get(file)?.equals(expected.get(file) ?? Buffer.alloc(0)))
    .map((file) => `${what}: ${file} is not what buf makes of the protos`);
}

/** @param {string} version @param {string} parameters */
function curl(version, parameters) {
  const reflect = `--reflect --reflect-protocol grpc-${version}`;
  return shell(
    `node_modules/.bin/buf curl --protocol grpc --http2-prior-knowledge ${reflect} ${parameters}`,
    root,
    {
      withinMs: 60_000,
    },
  );
}

/** @param {string} address @param {string} version @param {string[]} services @param {string[]} methods */
async function listed(address, version, services, methods) {
  const problems = [];
  for (const [flag, expected] of /** @type {const} */ ([
    ["--list-services", services],
    ["--list-methods", methods],
  ])) {
    const { code, stdout, stderr } = await curl(version, `${flag} http://${address}`);
    const found = stdout.trim().split("\n").sort();
    if (code !== 0 || !isDeepStrictEqual(found, expected))
      problems.push(
        `buf curl ${flag} by ${version} at ${address}: expected ${expected}, found ${found} ${stderr}`,
      );
  }
  return problems;
}

/** @param {string} address @param {string} version @param {import("./support/typed-calls.mjs").TypedCall} call */
async function called(address, version, { method, request, right }) {
  const data = JSON.stringify(request).replaceAll("'", "'\\''");
  const { code, stdout, stderr } = await curl(version, `-d '${data}' http://${address}/${method}`);
  if (code === 0 && right(JSON.parse(stdout))) return [];
  return [`buf curl ${method} by ${version} with ${data}: exit code ${code}, ${stdout}${stderr}`];
}

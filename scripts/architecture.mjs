// node scripts/architecture.mjs [FOLDER]
// Holds the boundaries between the packages, so that nobody has to remember them:
//   direction   services -> node -> {wire, storage, state-machine} -> core, and nothing back
//   core        imports its own files only, and names nothing that reads a clock, chance or the outside
//   services    never import each other
//   generated   wire's generated code is imported by wire's own sources only
//   exports     a package is imported by its name, as far as its exports map allows; no path leads out of one
//   test        is imported by nothing
//   declared    what a package imports stands in its package.json
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseSource } from "./architecture-parse.mjs";

const generatedFolder = "packages/wire/src/gen";
const services = ["services/acceptor", "services/leader", "services/replica"];

/**
 * Who may import whom. `tests` may be imported by the package's own tests besides; `starts` may stand in
 * its package.json, because it starts them as processes, but is imported by none of its files.
 * @type {Record<string, { sources: string[], tests?: string[], starts?: string[] }>}
 */
const direction = {
  "packages/core": { sources: [] },
  "packages/wire": { sources: ["packages/core"] },
  "packages/storage": { sources: ["packages/core"], tests: ["packages/wire"] },
  "packages/state-machine": { sources: ["packages/core"], tests: libraries("storage", "wire") },
  "packages/node": { sources: libraries("core", "wire", "storage", "state-machine") },
  "packages/client": {
    sources: libraries("core", "wire"),
    tests: libraries("node", "state-machine", "storage"),
  },
  "packages/contract": { sources: libraries("core", "wire") },
  "packages/history": { sources: [], tests: libraries("core", "state-machine", "wire") },
  // It runs the processes that ship, on disks in memory.
  "packages/simulator": {
    sources: libraries("core", "wire", "storage", "state-machine", "node", "client", "history"),
  },
  "packages/testing": { sources: libraries("core", "wire", "storage", "state-machine", "node", "client") },
  "packages/cli": {
    sources: libraries("core", "wire", "storage", "state-machine", "node", "client", "simulator"),
    starts: services,
  },
  ...Object.fromEntries(
    services.map((service) => [
      service,
      { sources: libraries("core", "wire", "storage", "state-machine", "node"), tests: libraries("client") },
    ]),
  ),
};

/** @param {string[]} names */
function libraries(...names) {
  return names.map((name) => `packages/${name}`);
}

/**
 * @typedef {{ folder: string, name: string, exports: string[], dependencies: string[], developing: string[] }} Workspace
 * @typedef {{ rule: string, file: string, line: number, message: string }} Problem
 * @typedef {{ root: string, workspaces: Workspace[], problems: Problem[] }} Tree
 * @typedef {{ tree: Tree, workspace: Workspace, file: string, isTest: boolean }} Place
 */

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : sourcesBelow(full);
    return /\.[cm]?[jt]s$/.test(entry.name) ? [full] : [];
  });
}

/**
 * @param {string} root
 * @returns {Workspace[]}
 */
function workspacesOf(root) {
  const folders = ["packages", "services"].flatMap((parent) =>
    existsSync(path.join(root, parent))
      ? readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`)
      : [],
  );
  return [...folders, "test"]
    .filter((folder) => existsSync(path.join(root, folder, "package.json")))
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(path.join(root, folder, "package.json"), "utf8"));
      return {
        folder,
        name: manifest.name,
        exports: Object.keys(manifest.exports ?? {}),
        dependencies: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
        developing: Object.keys(manifest.devDependencies ?? {}),
      };
    });
}

/**
 * Every place where a tree of the project breaks a boundary.
 * @param {string} root
 * @returns {Problem[]}
 */
export function problemsOf(root) {
  /** @type {Tree} */
  const tree = { root, workspaces: workspacesOf(root), problems: [] };
  for (const workspace of tree.workspaces) {
    if (workspace.folder !== "test") checkManifest(tree, workspace);
    for (const full of sourcesBelow(path.join(root, workspace.folder))) {
      const file = path.relative(root, full).split(path.sep).join("/");
      const isTest = workspace.folder === "test" || file.startsWith(`${workspace.folder}/test/`);
      checkFile({ tree, workspace, file, isTest });
    }
  }
  return tree.problems;
}

/**
 * @param {Tree} tree
 * @param {Workspace} workspace
 */
function checkManifest(tree, workspace) {
  const allowed = direction[workspace.folder];
  const file = `${workspace.folder}/package.json`;
  /** @param {string} rule @param {string} message */
  const add = (rule, message) => tree.problems.push({ rule, file, line: 1, message });
  if (!allowed) {
    add("direction", `${workspace.folder} has no place in the direction table of scripts/architecture.mjs`);
    return;
  }
  if (workspace.folder === "packages/core" && workspace.dependencies.length > 0) {
    add("core", `core depends on nothing, but names ${workspace.dependencies.join(", ")}`);
  }
  for (const other of tree.workspaces) {
    const inSources = [...allowed.sources, ...(allowed.starts ?? [])].includes(other.folder);
    const inTests = inSources || (allowed.tests ?? []).includes(other.folder);
    if (workspace.dependencies.includes(other.name) && !inSources) {
      add("direction", `${workspace.folder} must not depend on ${other.folder}`);
    }
    if (workspace.developing.includes(other.name) && !inTests) {
      add("direction", `${workspace.folder} must not depend on ${other.folder}, not even for its tests`);
    }
  }
}

/** @param {Place} place */
function checkFile(place) {
  const { tree, file } = place;
  const { imports, impurities } = parseSource(readFileSync(path.join(tree.root, file), "utf8"), file);
  const isCore = file.startsWith("packages/core/src/");
  if (isCore) {
    for (const { what, line } of impurities) {
      tree.problems.push({
        rule: "core",
        file,
        line,
        message: `core names ${what}; time comes as ticks, chance from the seeded generator handed in, and effects are outputs`,
      });
    }
  }
  for (const { specifier, line } of imports) {
    const problem = specifier.startsWith(".")
      ? problemOfPath(place, specifier)
      : isCore
        ? { rule: "core", message: `core imports nothing but its own files, found "${specifier}"` }
        : problemOfName(place, specifier);
    if (problem) tree.problems.push({ ...problem, file, line });
  }
}

/**
 * @param {Place} place
 * @param {string} specifier
 * @returns {{ rule: string, message: string } | undefined}
 */
function problemOfPath({ workspace, file, isTest }, specifier) {
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
  if (`${target}/`.startsWith(`${generatedFolder}/`) && !file.startsWith("packages/wire/src/")) {
    return generatedProblem(specifier);
  }
  if (workspace.folder === "test") return undefined;
  if (target.startsWith("test/")) return testProblem(specifier);
  if (workspace.folder.startsWith("services/") && /^services\//.test(target)) {
    if (!target.startsWith(`${workspace.folder}/`)) return serviceProblem(workspace, target);
  }
  if (!target.startsWith(`${workspace.folder}/`)) {
    return {
      rule: "exports",
      message: `"${specifier}" leads out of ${workspace.folder}; import a package by its name`,
    };
  }
  if (!isTest && target.startsWith(`${workspace.folder}/test/`)) return testProblem(specifier);
  return undefined;
}

/**
 * @param {Place} place
 * @param {string} specifier
 * @returns {{ rule: string, message: string } | undefined}
 */
function problemOfName({ tree, workspace, isTest }, specifier) {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return undefined;
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const other = tree.workspaces.find((candidate) => candidate.name === name);
  if (!other) return problemOfDeclaration(workspace, name, isTest);
  if (other.folder === "packages/wire" && /\/gen(\/|$)/.test(specifier)) return generatedProblem(specifier);
  if (other.folder === "test") return testProblem(specifier);
  const subpath = `.${specifier.slice(name.length)}`;
  if (!other.exports.includes(subpath)) {
    return {
      rule: "exports",
      message: `"${specifier}" reaches past the exports of ${other.folder} (${other.exports.join(", ")})`,
    };
  }
  if (workspace.folder === "test" || other === workspace) return undefined;
  if (workspace.folder.startsWith("services/") && other.folder.startsWith("services/")) {
    return serviceProblem(workspace, other.folder);
  }
  const allowed = direction[workspace.folder];
  const mayImport = [...(allowed?.sources ?? []), ...(isTest ? (allowed?.tests ?? []) : [])];
  if (!mayImport.includes(other.folder)) {
    const list = mayImport.length > 0 ? mayImport.join(", ") : "no other package";
    return {
      rule: "direction",
      message: `${workspace.folder} must not import ${other.folder}; it may import ${list}`,
    };
  }
  return problemOfDeclaration(workspace, name, isTest);
}

/**
 * @param {Workspace} workspace
 * @param {string} name
 * @param {boolean} isTest
 */
function problemOfDeclaration(workspace, name, isTest) {
  const declared = [...workspace.dependencies, ...(isTest ? workspace.developing : [])];
  if (declared.includes(name)) return undefined;
  const where = isTest ? "dependencies or devDependencies" : "dependencies";
  return {
    rule: "declared",
    message: `"${name}" is not in the ${where} of ${workspace.folder}/package.json`,
  };
}

/** @param {string} specifier */
function generatedProblem(specifier) {
  const message = `only packages/wire/src imports generated code, found "${specifier}"; import the codec's types`;
  return { rule: "generated", message };
}

/** @param {string} specifier */
function testProblem(specifier) {
  return { rule: "test", message: `tests are imported by nothing, found "${specifier}"` };
}

/**
 * @param {Workspace} workspace
 * @param {string} target
 */
function serviceProblem(workspace, target) {
  const message = `one service must not import another: ${workspace.folder} imports ${target}`;
  return { rule: "services", message };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, ".."));
  const problems = problemsOf(root);
  for (const { rule, file, line, message } of problems)
    console.error(`${file}:${line}: ${message} [${rule}]`);
  if (problems.length === 0) console.log("every boundary holds");
  process.exitCode = problems.length > 0 ? 1 : 0;
}

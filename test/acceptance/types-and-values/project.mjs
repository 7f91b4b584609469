// A user's project with all protos, made and compiled as docs/services.md says.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { shell } from "../support/clone.mjs";
import { root } from "../support/copy.mjs";
import { enumerated, rowNames } from "./fields.mjs";
import { before, byHand } from "./rows.mjs";
import { checksSource, rowsSource, serviceSource } from "./source.mjs";

/**
 * A row: what is given in JSON and what comes back in it, and what TypeScript reads.
 * @typedef {{ id: string, given: Record<string, unknown>, json: unknown, read: Record<string, unknown> }} Row
 * @typedef {{ service: string, scope: string, module: string, rows: Row[], fields: number }} Kept
 */

/**
 * @param {string} folder
 * @returns {Promise<{ kept: Kept[], descriptors: Buffer, set: string, protos: string }>} `set`: a file with the descriptors
 */
export async function project(folder) {
  const inProject = (/** @type {string} */ file) => path.join(folder, file);
  mkdirSync(inProject("src"), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), inProject("node_modules"));
  cpSync(path.join(import.meta.dirname, "proto"), inProject("proto"), { recursive: true });
  cpSync(path.join(root, "examples/ledger/proto"), inProject("proto"), { recursive: true });
  cpSync(path.join(root, "examples/ledger/src/ledger.ts"), inProject("src/ledger.ts"));
  cpSync(path.join(root, "examples/ledger/tsconfig.json"), inProject("tsconfig.json"));
  writeFileSync(inProject("package.json"), '{ "type": "module" }');
  const ofFields = enumerated();
  for (const { syntax, proto, fields } of ofFields) {
    writeFileSync(inProject(`proto/${syntax}.proto`), proto);
    writeFileSync(inProject(`src/${syntax}.ts`), serviceSource(`${syntax}.Keeper`, `${syntax}.`));
    writeFileSync(inProject(`src/${syntax}-rows.ts`), checksSource(`${syntax}.`, fields, rowNames));
  }
  for (const { service, scope, rows } of byHand) {
    writeFileSync(inProject(`src/${service}.ts`), serviceSource(service, scope));
    const source = rowsSource(scope, rows).replace(
      "\nexport const rows",
      `${before[service] ?? ""}\nexport const rows`,
    );
    writeFileSync(inProject(`src/${service}-rows.ts`), source);
  }
  for (const line of ["npx synod generate", "npx synod generate --check", "npx tsc -p ."]) {
    const { code, stdout, stderr } = await shell(line, folder, { withinMs: 120_000 });
    if (code !== 0) throw new Error(`"${line}" ended with exit code ${code}:\n${stdout}\n${stderr}`);
  }
  /** @type {Kept[]} */
  const kept = [];
  for (const { syntax, fields } of ofFields) {
    const read = await rowsRead(inProject(`dist/${syntax}-rows.js`));
    const rows = rowNames.map((id, index) => ({
      ...{ id, read: read[index] ?? {} },
      given: { id, ...object(fields, (field) => field.given[index]) },
      json: { id, ...object(fields, (field) => field.json[index]) },
    }));
    kept.push({
      service: `${syntax}.Keeper`,
      scope: `${syntax}.`,
      module: inProject(`dist/${syntax}.js`),
      rows,
      fields: fields.length,
    });
  }
  for (const { service, scope, rows } of byHand) {
    const read = await rowsRead(inProject(`dist/${service}-rows.js`));
    kept.push({
      ...{ service, scope, module: inProject(`dist/${service}.js`), fields: 0 },
      rows: rows.map(({ given, json = given }, index) => ({
        ...{ id: String(read[index]?.id), given: { ...given }, json, read: read[index] ?? {} },
      })),
    });
  }
  const { descriptors } = await import(pathToFileURL(inProject("dist/gen/descriptors.js")).href);
  const set = inProject("descriptors.binpb");
  writeFileSync(set, descriptors);
  return { kept, descriptors: readFileSync(set), set, protos: inProject("proto") };
}

/** @param {string} module @returns {Promise<Record<string, unknown>[]>} */
async function rowsRead(module) {
  return (await import(pathToFileURL(module).href)).rows;
}

/** @param {readonly import("./fields.mjs").Field[]} fields @param {(field: import("./fields.mjs").Field) => unknown} value */
function object(fields, value) {
  return Object.fromEntries(
    fields.map((field) => [field.name, value(field)]).filter(([, each]) => each !== undefined),
  );
}

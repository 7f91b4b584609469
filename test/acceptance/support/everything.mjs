// A user's project with a service whose proto has everything: what its files are, made and compiled as a user would.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { shell } from "./clone.mjs";
import { root } from "./copy.mjs";

export const everything = "everything.v1.Everything";

const service = `
import { replicatedService } from "@synod/state-machine";
import { descriptors } from "./gen/descriptors.js";

const builder = replicatedService({ descriptors, service: "${everything}" });
const things = builder.table("things", ["string"], "everything.v1.Thing");

export default builder.define({
  version: 1,
  errors: { NoThing: { code: 5, detail: "everything.v1.GetRequest" } },
  commands: {
    Keep(tx, thing) {
      tx.put(things, [thing.thingId], thing);
      return thing;
    },
  },
  queries: {
    Get: (tx, { thingId }, context) => tx.get(things, thingId) ?? context.fail("NoThing", { thingId }),
    Count: (tx) => ({ things: [...tx.range(things, { limit: 1_000 })].length }),
  },
  watches: {
    Watch: { range: ({ thingId }) => [things, thingId], event: ({ value }) => value ?? {} },
  },
});
`;

/** As protobuf writes it in JSON. */
export const thing = {
  thingId: "t-1",
  kind: "KIND_LARGE",
  partsByName: { left: { units: "-9223372036854775808" }, right: {} },
  labels: { "-7": { text: "seven", colour: "COLOUR_RED" } },
  least: 0,
  moreLabels: [{ text: "one" }, {}],
  changes: ["-1", "2"],
  shelf: { number: 3, holds: { units: "9223372036854775807" } },
  picture: "AAECAw==",
  weight: 0.5,
  madeAt: "2023-11-14T22:13:20.000000005Z",
  lasts: "3.500s",
  attached: {
    "@type": "type.googleapis.com/everything.v1.Thing.Label",
    text: "within",
    colour: "COLOUR_RED",
  },
  counted: "0",
  remark: "",
  checked: false,
  free: {
    number: 1.5,
    text: "x",
    nothing: null,
    truth: true,
    list: [1, "two", null],
    within: { deep: [{}] },
  },
  list: [null, false, "x"],
  mask: "thingId,partsByName",
  values: { absent: null, list: [1], text: "x" },
};

/**
 * Writes the project into a folder and compiles it.
 * @param {string} folder
 * @returns {Promise<{ module: string, protos: string, generated: Buffer }>} the compiled module, the folder of the protos,
 *   and the descriptor set that was generated
 */
export async function everythingProject(folder) {
  const inProject = (/** @type {string} */ file) => path.join(folder, file);
  mkdirSync(inProject("src"), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), inProject("node_modules"));
  cpSync(path.join(import.meta.dirname, "everything/proto"), inProject("proto"), { recursive: true });
  cpSync(path.join(root, "examples/ledger/tsconfig.json"), inProject("tsconfig.json"));
  writeFileSync(inProject("package.json"), '{ "type": "module" }');
  writeFileSync(inProject("src/service.ts"), service);
  for (const line of ["npx synod generate", "npx tsc -p ."]) {
    const { code, stdout, stderr } = await shell(line, folder, { withinMs: 120_000 });
    if (code !== 0) throw new Error(`"${line}" ended with exit code ${code}:\n${stdout}\n${stderr}`);
  }
  const lines = readFileSync(inProject("src/gen/descriptors.ts"), "utf8").matchAll(/^ {2}"(.+)",$/gm);
  const generated = Buffer.from([...lines].map(([, line]) => line).join(""), "base64");
  return { module: inProject("dist/service.js"), protos: inProject("proto"), generated };
}

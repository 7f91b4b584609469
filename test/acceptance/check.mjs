import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { copyOfRepository } from "./support/copy.mjs";

export const name = "check";
export const promise =
  "npm run check is green, and turns red, naming the fault, for each of six planted ones";

/**
 * A fault: the file it changes, how, the steps that must fail, and what the report must say.
 * @typedef {{ fault: string, file: string, plant: (text: string) => string, steps: string[], says: RegExp[] }} Fault
 */

/**
 * The first generated file that holds a message.
 * @param {string} folder
 */
function generatedMessage(folder) {
  const below = "packages/wire/src/gen/synod/v1";
  return `${below}/${readdirSync(path.join(folder, below)).sort()[0]}`;
}

/**
 * @param {string} folder
 * @returns {Fault[]}
 */
function faultsFor(folder) {
  const generated = generatedMessage(folder);
  const generatedType = path.basename(generated, ".ts");
  return [
    {
      fault: "core imports a Node module",
      file: "packages/core/src/index.ts",
      plant: (text) => `${text}\nexport { readFileSync } from "node:fs";\n`,
      steps: ["architecture"],
      says: [/packages\/core\/src\/index\.ts:\d+: core imports nothing but its own files, found "node:fs"/],
    },
    {
      fault: "core reads the clock",
      file: "packages/core/src/index.ts",
      plant: (text) => `${text}\nexport const startedAt = Date.now();\n`,
      steps: ["architecture"],
      says: [/packages\/core\/src\/index\.ts:\d+: core names Date;/],
    },
    {
      fault: "one service imports another",
      file: "services/leader/src/index.ts",
      plant: (text) => `import "@synod/service-replica";\n${text}`,
      steps: ["architecture"],
      says: [/services\/leader\/src\/index\.ts:1: one service must not import another: .*services\/replica/],
    },
    {
      fault: "generated types are imported outside the codec",
      file: "packages/node/src/index.ts",
      plant: (text) =>
        `${text}\nexport type { ${generatedType} as Planted } from "../../wire/src/gen/synod/v1/${generatedType}.js";\n`,
      steps: ["architecture"],
      says: [/packages\/node\/src\/index\.ts:\d+: only packages\/wire\/src imports generated code/],
    },
    {
      fault: "a generated file is edited",
      file: generated,
      plant: (text) => `${text}export type Planted = string;\n`,
      steps: ["generated code"],
      says: [new RegExp(`${generated}: differs from what the protos give`)],
    },
    {
      fault: "a field's type is changed in a proto",
      file: "proto/synod/v1/paxos.proto",
      plant: (text) => text.replace(/^(\s+)u?int64( \w+ = \d+;)/m, "$1string$2"),
      steps: ["proto compatibility", "generated code"],
      says: [/proto\/synod\/v1\/paxos\.proto:\d+:\d+:.*changed type/],
    },
  ];
}

/** @param {string} folder */
function check(folder) {
  const { status, stdout } = spawnSync("npm", ["run", "--silent", "check"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const red = [...stdout.matchAll(/^FAILED (.*) \([\d.]+ s\)$/gm)].map((match) => match[1] ?? "");
  return { green: status === 0 && red.length === 0, red, output: stdout };
}

/** @param {import("./run.mjs").Options} options */
export async function run({ progress }) {
  const { folder, remove } = copyOfRepository();
  try {
    const unplanted = check(folder);
    progress(
      `unplanted: ${unplanted.green ? "green" : `red: ${unplanted.red.join(", ")}\n${unplanted.output}`}`,
    );
    /** @type {Record<string, string>} */
    const planted = {};
    let holds = unplanted.green;
    for (const { fault, file, plant, steps, says } of faultsFor(folder)) {
      const full = path.join(folder, file);
      const sound = readFileSync(full, "utf8");
      const faulty = plant(sound);
      if (faulty === sound) throw new Error(`${fault}: found nothing to change in ${file}`);
      writeFileSync(full, faulty);
      const { green, red, output } = check(folder);
      writeFileSync(full, sound);
      const named =
        !green && steps.every((step) => red.includes(step)) && says.every((text) => text.test(output));
      holds &&= named;
      planted[fault] = green ? "NOT NOTICED" : `${named ? "named" : "NOT NAMED"} by ${red.join(", ")}`;
      progress(`${fault}: ${planted[fault]}${named ? "" : `\n${output}`}`);
    }
    const again = check(folder);
    progress(`all taken back: ${again.green ? "green" : `red: ${again.red.join(", ")}`}`);
    return {
      holds: holds && again.green,
      figures: {
        unplanted: unplanted.green ? "green" : "red",
        ...planted,
        takenBack: again.green ? "green" : "red",
      },
    };
  } finally {
    remove();
  }
}

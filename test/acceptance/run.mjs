// npm run acceptance -- NAME [--json] [options of that script]
// npm run acceptance -- --list
// Shows one promise. Progress goes to stderr; stdout gets one line {"name","holds","figures"}, after a
// readable form of it unless --json is given. Exit 0 when it holds, 1 when it does not, 2 on wrong use.
import { readdirSync } from "node:fs";
import { Lacking, lackedProgram } from "./support/needs.mjs";

/**
 * @typedef {{ parameters: string[], progress: (line: string) => void }} Options
 * @typedef {{ holds: boolean, figures: Record<string, unknown> }} Outcome
 * @typedef {{ name: string, promise: string, run: (options: Options) => Promise<Outcome> }} Script
 */

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".mjs") && file !== "run.mjs")
  .map((file) => file.slice(0, -".mjs".length))
  .sort();

/**
 * @param {string} name
 * @returns {Promise<Script>}
 */
async function load(name) {
  const script = await import(`./${name}.mjs`);
  if (script.name !== name) throw new Error(`${name}.mjs names itself "${script.name}"`);
  return script;
}

async function list() {
  const width = Math.max(...names.map((name) => name.length));
  for (const name of names) console.log(`${name.padEnd(width)}  ${(await load(name)).promise}`);
}

/**
 * @param {string} name
 * @param {string[]} parameters
 * @param {boolean} json
 */
async function show(name, parameters, json) {
  const script = await load(name);
  /** @param {string} line */
  const progress = (line) => void process.stderr.write(`${line}\n`);
  progress(`${name}: ${script.promise}`);
  /** @type {Outcome} */
  let outcome;
  try {
    outcome = await script.run({ parameters, progress });
  } catch (error) {
    const lack = error instanceof Lacking ? error.message : lackedProgram(error);
    if (lack !== undefined) {
      notShown(name, lack);
      return;
    }
    progress(`${name}: ${error instanceof Error ? error.stack : error}`);
    outcome = { holds: false, figures: { error: error instanceof Error ? error.message : String(error) } };
  }
  const { holds, figures } = outcome;
  if (!json) {
    console.log(`${name}: ${holds ? "holds" : "DOES NOT HOLD"}`);
    for (const [figure, value] of Object.entries(figures)) {
      console.log(`  ${figure}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    }
  }
  console.log(JSON.stringify({ name, holds, figures }));
  process.exitCode = holds === true ? 0 : 1;
}

/** A promise that nothing is known about: whoever reads that it does not hold would look for a fault. @param {string} name @param {string} lack */
function notShown(name, lack) {
  console.error(`${name}: NOT SHOWN HERE: ${lack}`);
  console.log(JSON.stringify({ name, holds: false, figures: { lacks: lack } }));
  process.exitCode = 1;
}

// Scripts have gRPC clients of their own, to this machine.
process.env.no_proxy = [process.env.no_proxy, "127.0.0.1,localhost,::1"].filter(Boolean).join(",");

const all = process.argv.slice(2);
const json = all.includes("--json");
const [name, ...parameters] = all.filter((parameter) => parameter !== "--json");
if (name === "--list") await list();
else if (name !== undefined && names.includes(name)) await show(name, parameters, json);
else {
  console.error(name === undefined ? "acceptance: name a promise" : `acceptance: no promise "${name}"`);
  console.error(`one of: ${names.join(", ")}; --list says what each promises`);
  process.exitCode = 2;
}

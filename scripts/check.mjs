// npm run check: everything static that a change must pass before it lands.
// Every step runs, whatever the ones before it found; exit 1 when any failed.
import { clearSummary, installed, run, writeSummary } from "./steps.mjs";

/** @type {{ name: string, program: string, parameters: string[] }[]} */
const steps = [
  { name: "build", program: process.execPath, parameters: ["scripts/build.mjs"] },
  { name: "types of the tests", program: installed("tsc"), parameters: ["-p", "tsconfig.test.json"] },
  { name: "types of the scripts", program: installed("tsc"), parameters: ["-p", "tsconfig.scripts.json"] },
  { name: "format and lint", program: installed("biome"), parameters: ["ci", "--colors=off", "."] },
  { name: "proto lint", program: installed("buf"), parameters: ["lint"] },
  {
    name: "proto compatibility",
    program: installed("buf"),
    parameters: ["breaking", "--against", "proto/image.binpb"],
  },
  { name: "generated code", program: process.execPath, parameters: ["scripts/generate.mjs", "--check"] },
  { name: "architecture", program: process.execPath, parameters: ["scripts/architecture.mjs"] },
  { name: "package boundaries", program: installed("turbo"), parameters: ["boundaries", "--no-color"] },
];

clearSummary("check");
const failed = [];
for (const step of steps) {
  const started = performance.now();
  const { code, output } = await run(step.program, step.parameters, { capture: true });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`);
  if (code !== 0) {
    failed.push(step.name);
    console.log(output.trimEnd().replace(/^/gm, "  | "));
  }
}
writeSummary("check", { passed: steps.length - failed.length, failed: failed.length });
console.log(
  failed.length === 0
    ? `check: all ${steps.length} steps ok`
    : `check: ${failed.length} of ${steps.length} steps FAILED: ${failed.join(", ")}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

// npm run build: every package in dependency order, unchanged ones from turbo's local cache.
import { installed, run } from "./steps.mjs";

const { code } = await run(installed("turbo"), [
  "run",
  "build",
  "--output-logs=errors-only",
  ...process.argv.slice(2),
]);
process.exitCode = code;

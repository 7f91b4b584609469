#!/usr/bin/env node
// Committed, because npm links no bin that does not exist when it installs.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write("synod: not built yet (no dist/main.js beside this file): run npm run build\n");
  process.exitCode = 1;
}

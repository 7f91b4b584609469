#!/usr/bin/env node
// Committed, because npm links no bin that does not exist when it installs.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href).catch((error) => {
    // Too few open files are allowed, or a package is not there; anything else is a defect, with its stack.
    if (typeof error?.code !== "string") throw error;
    process.stderr.write(`synod-leader: cannot load its own modules: ${error.message}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write("synod-leader: not built yet (no dist/main.js beside this file): run npm run build\n");
  process.exitCode = 1;
}

#!/usr/bin/env node
try {
  const { main } = await import("../dist/main.js");
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Not built, too few open files are allowed, or a package is not there; anything else is a defect, with its stack.
  if (typeof error?.code !== "string") throw error;
  process.stderr.write(`synod-contract: cannot load its own modules: ${error.message}\n`);
  process.exitCode = 1;
}

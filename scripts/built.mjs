// node scripts/built.mjs PROGRAM [PARAMETER…]
// Builds, and then runs a program of this repository in this very process: signals that npm passes on reach it, and there is no
// shell between the two that would keep them. While it builds they end the build.
import { spawn } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { quietEnvironment, root } from "./steps.mjs";

const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
const [program, ...parameters] = process.argv.slice(2);
if (program === undefined) throw new Error("expected a program to run, found none");

/** Resolves to the exit code of the build; 1 for one that was ended. @returns {Promise<number>} */
function build() {
  const child = spawn(process.execPath, [path.join(root, "scripts/build.mjs")], {
    cwd: root,
    env: quietEnvironment,
    stdio: ["ignore", "inherit", "inherit"],
    // A group of its own: its compilers end with it.
    detached: true,
  });
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
  };
  for (const signal of signals) process.once(signal, end);
  return new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("exit", (code) => {
      for (const signal of signals) process.off(signal, end);
      resolve(code ?? 1);
    });
  });
}

const code = await build();
if (code !== 0) process.exitCode = code;
else {
  const file = path.resolve(root, program);
  process.argv.splice(1, process.argv.length - 1, file, ...parameters);
  await import(pathToFileURL(file).href);
}

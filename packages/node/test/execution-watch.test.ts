// Rule 33: a handler that does not return is ended from another thread, with words that name it.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ExecutionMarker, openExecutionMarker } from "@synod/storage";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { ExitCode } from "../src/process/exit-code.js";
import { mostLooks, Standstill } from "../src/process/standstill.js";

const longestMs = 200;

/** A process that executes a command of slot 5 like this, under the watch of the built package. */
function execute(body: string): Promise<{ code: number | null; stderr: string; marker: ExecutionMarker }> {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-watch-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const program = `
    import { ExecutionWatch } from "@synod/node";
    import { openExecutionMarker } from "@synod/storage";
    const marker = openExecutionMarker(${JSON.stringify(directory)}, "build");
    const logger = { error: console.error };
    const watch = new ExecutionWatch({ name: "test", longestMs: ${longestMs}, marker: marker.descriptor, logger });
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await wait(100);
    marker.begin(5, 0);
    watch.begin(5, 2, "bank.v1.Ledger", "Transfer");
    ${body}
  `;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { cwd: import.meta.dirname },
      (_, __, stderr) => {
        const marker = openExecutionMarker(directory, "build");
        onTestFinished(() => marker.close());
        resolve({ code: child.exitCode, stderr, marker });
      },
    );
  });
}

test("a command that is executed for too long ends the process, named in words and for the next start", async () => {
  const { code, stderr, marker } = await execute("for (;;);");
  expect([code, stderr]).toEqual([
    ExitCode.slotNotExecuted,
    expect.stringMatching(
      /^test: ended: command 2 of slot 5, bank\.v1\.Ledger\/Transfer, was executed for longer than 0\.2 s/,
    ),
  ]);
  expect(marker.endedBy(5, 0, 1)).toMatchObject({
    command: { index: 2, service: "bank.v1.Ledger", method: "Transfer" },
    cause: "was executed for longer than 0.2 s",
  });
});

test("many commands that take long together, and a pause between commands, are nothing to end a process for", async () => {
  const { code, stderr } = await execute(`
    const until = Date.now() + ${3 * longestMs};
    while (Date.now() < until) watch.begin(5, 2, "bank.v1.Ledger", "Transfer");
    watch.end();
    await wait(${2 * longestMs});
    process.exit(0);
  `);
  expect([code, stderr]).toEqual([0, ""]);
});

test("a count stands still when it is the same for all looks within one command, and pauses do not count", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: mostLooks })), { maxLength: 20 }),
      (parts) => {
        const standstill = new Standstill();
        // Each command is looked at once when it has just begun, and then at most once less than too often.
        for (const [index, [executes, looks]] of parts.entries())
          for (let look = 0; look < looks; look++)
            expect(standstill.look(executes ? index + 1 : 0)).toBe(false);
        const looks = Array.from({ length: mostLooks + 1 }, () => standstill.look(parts.length + 1));
        expect(looks.indexOf(true)).toBe(mostLooks);
      },
    ),
  );
});

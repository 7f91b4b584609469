import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** A sound cluster file's content, free to be spoilt. */
export function soundCluster() {
  return {
    window: 256,
    acceptors: [1, 2, 3].map((n) => ({ id: `a${n}`, address: `127.0.0.1:510${n}`, store: `store-${n}` })),
    leaders: [1, 2].map((n) => ({ id: `l${n}`, address: `127.0.0.1:520${n}` })),
    replicas: [1, 2].map((n) => ({ id: `r${n}`, address: `127.0.0.1:530${n}` })),
  };
}

/** A directory that is gone when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-node-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes files, JSON unless given as text, into a temporary directory. */
export function filesIn(files: Readonly<Record<string, unknown>>): string {
  const directory = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(
      path.join(directory, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
  return directory;
}

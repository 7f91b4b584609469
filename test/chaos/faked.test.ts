import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { forgetFakedDead } from "../acceptance/support/faketime.mjs";

it("what libfaketime shared for a process is removed once that process is gone, and nothing else is", () => {
  const shared = mkdtempSync(path.join(tmpdir(), "synod-shared-"));
  try {
    // No process ever has a number beyond 2^22.
    const dead = 2 ** 22 + 1;
    const kept = [`faketime_shm_${process.pid}`, `sem.faketime_sem_${process.pid}`, `another_shm_${dead}`];
    for (const file of [...kept, `faketime_shm_${dead}`, `sem.faketime_sem_${dead}`])
      writeFileSync(path.join(shared, file), "");
    forgetFakedDead(shared);
    expect(readdirSync(shared).sort()).toEqual(kept.sort());
  } finally {
    rmSync(shared, { recursive: true });
  }
});

import { type Install, maxPageEntries, maxPutEntries, type StateEntry } from "@synod/storage";
import type { SnapshotPage } from "@synod/wire";
import { expect, test } from "vitest";
import { InstallWriter } from "../src/replica/catch-up/install-writer.js";

/** An install whose commits end when they are told to. */
function slowInstall() {
  const commits: { readonly rows: number; readonly digest: string; readonly end: (error?: Error) => void }[] =
    [];
  const put = (entries: readonly StateEntry[], progress: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve());
      commits.push({ rows: entries.length, digest: Buffer.from(progress).toString(), end });
    });
  return { commits, install: { put, progress: new Uint8Array() } as unknown as Install };
}

let key = 0;

function page(digest: string, bytes: number, rows = 1): SnapshotPage {
  const entries = Array.from({ length: rows }, () => [Buffer.from(`${key++}`), Buffer.alloc(bytes)] as const);
  return { entries, digest: Buffer.from(digest) } as unknown as SnapshotPage;
}

/** True once it has settled, after what follows from the present has happened. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("pages that come while one is written share the next commit, with the digest of the last", async () => {
  const { commits, install } = slowInstall();
  const writer = new InstallWriter(install);
  for (const digest of ["a", "b", "c"]) await writer.take(page(digest, 1_000));
  expect(commits.map(({ rows, digest }) => [rows, digest])).toEqual([[1, "a"]]);
  const end = writer.end();
  commits[0]?.end();
  expect(await settles(end)).toBe(false);
  expect(commits.map(({ rows, digest }) => [rows, digest])).toEqual([
    [1, "a"],
    [2, "c"],
  ]);
  commits[1]?.end();
  await end;
});

test.each([
  ["bytes", 512 << 10, 1, 4],
  ["rows", 1, maxPageEntries, maxPutEntries / maxPageEntries],
])("a slow disk holds back whoever takes pages in, by %s", async (_, bytes, rows, most) => {
  const { commits, install } = slowInstall();
  const writer = new InstallWriter(install);
  await writer.take(page("first", bytes, rows));
  for (let taken = 0; taken < most; taken++) await writer.take(page("next", bytes, rows));
  const beyond = writer.take(page("beyond", bytes, rows));
  expect(await settles(beyond)).toBe(false);
  commits[0]?.end();
  expect(await settles(beyond)).toBe(true);
  expect(commits[1]?.rows).toBe(most * rows);
});

test("a failed commit is told to whoever takes the next page in, and waits for the end", async () => {
  const { commits, install } = slowInstall();
  const writer = new InstallWriter(install);
  await writer.take(page("a", 10));
  commits[0]?.end(new Error("no space"));
  await new Promise((resolve) => setImmediate(resolve));
  await expect(writer.take(page("b", 10))).rejects.toThrow("no space");
  await expect(writer.end()).rejects.toThrow("no space");
});

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { nextDigest, noDigest } from "@synod/node";
import { stateFormat } from "@synod/state-machine";
import type { StateEntry } from "@synod/storage";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exitCode, Failure } from "../src/failure.js";
import { SnapshotFile } from "../src/snapshot/reader.js";
import { SnapshotWriter } from "../src/snapshot/writer.js";

const header = {
  cluster: "0123456789abcdef0123456789abcdef",
  slot: 77,
  confirmed: 70,
  state: stateFormat,
  synod: "0.1.0",
};
const entry = (key: string, value: string): StateEntry => [Buffer.from(key), Buffer.from(value)];
const twoPages = [[entry("a", "one"), entry("b", "")], [entry("c", "x".repeat(40))]];

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "synod-snapshot-"));
  file = path.join(directory, "backup");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function write(writer: SnapshotWriter, pages: readonly (readonly StateEntry[])[]): Promise<void> {
  await writer.begin(header);
  let digest = noDigest;
  for (const page of pages) {
    digest = nextDigest(digest, page);
    await writer.page(page, digest);
  }
}

/** The bytes of a whole backup. */
async function written(pages: readonly (readonly StateEntry[])[] = twoPages): Promise<Buffer> {
  const writer = await SnapshotWriter.create(file, true);
  await write(writer, pages);
  await writer.finish(true);
  return readFileSync(file);
}

async function read(name = file) {
  const source = await SnapshotFile.open(name);
  try {
    const pages: StateEntry[][] = [];
    for await (const page of source.pages())
      pages.push(page.map(([key, value]) => [Buffer.from(key), Buffer.from(value)]));
    return { header: source.header, totals: source.totals, pages };
  } finally {
    await source.close();
  }
}

/** The failure of reading these bytes; undefined when they are taken for a sound backup. */
async function failureOf(bytes: Uint8Array): Promise<Failure | undefined> {
  const name = path.join(directory, "changed");
  writeFileSync(name, bytes);
  try {
    await read(name);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    return error as Failure;
  }
}

describe("a backup's file", () => {
  it("gives back what was written, in its pages", async () => {
    const pages = fc.array(
      fc.array(fc.tuple(fc.uint8Array({ minLength: 1 }), fc.uint8Array()), { maxLength: 5 }),
    );
    await fc.assert(
      fc.asyncProperty(pages, async (given) => {
        await written(given);
        const found = await read();
        expect(found.header).toEqual(header);
        expect(found.pages.map((page) => page.map((row) => row.map((bytes) => [...bytes])))).toEqual(
          given.map((page) => page.map((row) => row.map((bytes) => [...bytes]))),
        );
        const rows = given.flat();
        const bytes = rows.flat().reduce((sum, { length }) => sum + length, 0);
        expect(found.totals).toEqual({ pages: given.length, keys: rows.length, bytes });
      }),
      { numRuns: 30 },
    );
  });

  it("is refused when it ends early, wherever that is, or something follows", async () => {
    const bytes = await written();
    expect(await failureOf(bytes)).toBeUndefined();
    for (let length = 0; length < bytes.length; length++) {
      const failure = await failureOf(bytes.subarray(0, length));
      expect(failure?.code, `cut after ${length} bytes`).toBe(exitCode.damaged);
    }
    expect((await failureOf(Buffer.concat([bytes, Buffer.of(0)])))?.message).toContain(
      "1 bytes follow its end",
    );
  });

  it("is refused when any one bit of it is another", async () => {
    const bytes = await written();
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect((await failureOf(changed))?.code, `bit ${bit & 7} of byte ${bit >> 3}`).toBe(exitCode.damaged);
    }
  });

  it("is refused when a page is missing, or two have changed places", async () => {
    const [both, first] = [await written(), await written(twoPages.slice(0, 1))];
    const head = first.length - 5 - 88;
    const withoutSecond = Buffer.concat([both.subarray(0, head), both.subarray(both.length - 5 - 88)]);
    expect((await failureOf(withoutSecond))?.message).toContain("its end does not tell of the 2 keys");
    const start = 16 + 5 + both.readUInt32BE(17);
    const swapped = Buffer.concat([
      both.subarray(0, start),
      both.subarray(head, both.length - 5 - 88),
      both.subarray(start, head),
      both.subarray(both.length - 5 - 88),
    ]);
    expect((await failureOf(swapped))?.message).toContain("the digest of page 1 is wrong");
  });

  it("says which format it has when that is another, and that it is none when it is something else", async () => {
    const bytes = await written();
    bytes[15] = 3;
    expect((await failureOf(bytes))?.message).toContain("expected a backup of format 2, found format 3");
    expect((await failureOf(Buffer.from("#!/bin/sh\necho no backup\n")))?.message).toContain(
      "found something else",
    );
    expect((await failureOf(Buffer.alloc(0)))?.message).toContain("found something else");
  });
});

describe("writing a backup", () => {
  it("leaves nothing under the final name before it is whole, and nothing at all when it is given up", async () => {
    const writer = await SnapshotWriter.create(file, false);
    await write(writer, twoPages);
    expect(readdirSync(directory)).toEqual(["backup.partial"]);
    await writer.abandon();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("begins anew when another replica has to give the state", async () => {
    const writer = await SnapshotWriter.create(file, false);
    await write(writer, [[entry("x", "y".repeat(500))], ...twoPages]);
    await write(writer, twoPages);
    await writer.finish(false);
    expect((await read()).totals).toMatchObject({ pages: 2, keys: 3 });
    expect(readdirSync(directory)).toEqual(["backup"]);
  });

  it("replaces a file only when it is told to, at the end as well as at the beginning", async () => {
    writeFileSync(file, "precious");
    await expect(SnapshotWriter.create(file, false)).rejects.toThrow("exists already");
    rmSync(file);
    const writer = await SnapshotWriter.create(file, false);
    await write(writer, twoPages);
    writeFileSync(file, "precious");
    await expect(writer.finish(false)).rejects.toThrow("exists already");
    await writer.abandon();
    expect(readFileSync(file, "utf8")).toBe("precious");
    expect(readdirSync(directory)).toEqual(["backup"]);
    await written();
    expect((await read()).header).toEqual(header);
  });

  it("takes the place of what a killed save left, and gives no name to what another save writes", async () => {
    writeFileSync(`${file}.partial`, "left behind");
    const first = await SnapshotWriter.create(file, false);
    await write(first, twoPages);
    const second = await SnapshotWriter.create(file, false);
    await write(second, twoPages.slice(0, 1));
    await expect(first.finish(false)).rejects.toThrow('another "synod snapshot save" writes');
    await first.abandon();
    expect(existsSync(file)).toBe(false);
    await second.finish(false);
    expect((await read()).totals.pages).toBe(1);
  });
});

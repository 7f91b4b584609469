import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
// @boundaries-ignore the script under test is one of the repository's
import { publishedManifest } from "../../scripts/pack.mjs";
import { root } from "../acceptance/support/copy.mjs";
import { blocksOf } from "../acceptance/support/page.mjs";

const manifests = ["packages", "services"]
  .flatMap((parent) => readdirSync(path.join(root, parent)).map((name) => path.join(root, parent, name)))
  .map((folder) => path.join(folder, "package.json"))
  .filter((file) => existsSync(file))
  .map((file) => JSON.parse(readFileSync(file, "utf8")));
const versions = new Map(manifests.map(({ name, version }) => [name, version]));

test.each(manifests.map((manifest) => [manifest.name, manifest]))(
  "%s is packed with exact versions of the others, and without what is for this repository only",
  (_, manifest) => {
    const published = JSON.stringify(publishedManifest(manifest, versions));
    expect(published).not.toMatch(/"\*"|"source"|"scripts"|"devDependencies"|\.\/src\//);
    expect(published).not.toMatch(/"(file|link|workspace):/);
  },
);

test("a package that is not here cannot be depended on by any version", () => {
  const manifest = { name: "a", version: "1.0.0", files: [], dependencies: { b: "*" } };
  expect(() => publishedManifest(manifest, versions)).toThrow("a: no package b here to depend on");
});

test("the files on the pages about services and clients are those of the example", () => {
  const pages = ["docs/services.md", "docs/clients.md"].map((page) => path.join(root, page));
  const files = pages.flatMap(blocksOf).filter((block) => block.kind === "file");
  expect(files.map(({ file }) => file).sort()).toEqual([
    "clients/python/client.py",
    "proto/bank/v1/account.proto",
    "proto/bank/v1/ledger.proto",
    "src/ledger.test.ts",
    "src/ledger.ts",
    "tsconfig.json",
  ]);
  for (const { file, text } of files)
    expect(text, file).toBe(readFileSync(path.join(root, "examples/ledger", file), "utf8"));
});

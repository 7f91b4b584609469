import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");

it("every bound of what is kept names a test that exists", () => {
  const page = readFileSync(path.join(root, "docs/operations.md"), "utf8");
  const table = page.slice(page.indexOf("| What is kept, and by whom")).split("\n\n", 1)[0] ?? "";
  const rows = table.split("\n").slice(2);
  expect(rows.length).toBeGreaterThan(20);
  const missing = rows.filter((row) => {
    const names = [...(row.split("|").at(-2) ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    const exists = (name: string) =>
      [`packages/${name}.test.ts`, `test/${name}.test.ts`].some((file) => existsSync(path.join(root, file)));
    return names.length === 0 || !names.every(exists);
  });
  expect(missing).toEqual([]);
});

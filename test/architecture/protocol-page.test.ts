// The table of the paper's claims in docs/protocol.md quotes tests by their titles. A renamed test must not leave a promise without its evidence.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../acceptance/support/copy.mjs";

/** A file, and a part of what is quoted from it: an ellipsis stands for what was left out. */
interface Quotation {
  readonly file: string;
  readonly title: string;
}

/** Every title that a row quotes, with the test file named last before it; a bare name is in the folder of the one before. */
function quotationsIn(row: string): Quotation[] {
  const quotations: Quotation[] = [];
  let file = "";
  for (const [, named, quoted] of row.matchAll(/`([^`]+\.test\.ts)`|"([^"]+)"/g)) {
    if (named !== undefined) {
      const folder = named.includes("/") ? "" : path.dirname(file);
      const below = path.join(folder, named);
      file =
        below.startsWith("test/") || below.startsWith("packages/") ? below : path.join("packages", below);
    } else if (quoted !== undefined && file !== "") {
      for (const title of quoted.split("…"))
        if (title.trim() !== "") quotations.push({ file, title: title.trim() });
    }
  }
  return quotations;
}

const page = readFileSync(path.join(root, "docs/protocol.md"), "utf8");
const quotations = page
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .flatMap(quotationsIn);

test("every title that the page about the protocol quotes is that of a test", () => {
  const missing = quotations.filter(
    ({ file, title }) =>
      !existsSync(path.join(root, file)) || !readFileSync(path.join(root, file), "utf8").includes(title),
  );
  expect(missing).toEqual([]);
  expect(quotations.length).toBeGreaterThan(40);
});

// Links of the pages lead to files that are there, and to headings that are there.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../acceptance/support/copy.mjs";

const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" }).trim().split("\n");

/** A page without its blocks of code, in which nothing is a link or a heading. */
const proseOf = (page: string) =>
  readFileSync(path.join(root, page), "utf8").replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

const anchorsIn = (page: string) =>
  [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));

function problemOf(page: string, link: string): string | undefined {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
  if (!existsSync(path.join(root, target))) return `${page}: ${link}: expected a file, found none`;
  if (anchor === undefined || anchorsIn(target).includes(anchor)) return undefined;
  return `${page}: ${link}: expected a heading in ${target}, found none`;
}

test("every link of a page leads to a file or a heading that is there", () => {
  const links = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => ({ page, link })),
  );
  expect(links.flatMap(({ page, link }) => problemOf(page, link) ?? [])).toEqual([]);
  expect(links.length).toBeGreaterThan(100);
});

test("no page has two headings of one name", () => {
  const twice = pages.flatMap((page) => {
    // A changelog has the same headings for each version.
    if (page === "CHANGELOG.md") return [];
    const anchors = anchorsIn(page);
    return anchors
      .filter((anchor, index) => anchors.indexOf(anchor) !== index)
      .map((anchor) => `${page}: ${anchor}`);
  });
  expect(twice).toEqual([]);
});

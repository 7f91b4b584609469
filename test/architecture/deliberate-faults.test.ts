// The patches of test/mutants are made of lines of the sources, and go stale with them. Whoever moves such lines learns it here,
// and not when the faults are planted for hours.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../acceptance/support/copy.mjs";
import { aids, mutantsNamed, numberedRules, placesOf, schedules } from "../acceptance/support/mutants.mjs";

const mutants = mutantsNamed([]);

test("every deliberate fault has one place in the sources where its patch applies", () => {
  const stale = [...mutants, ...aids()].flatMap((mutant) =>
    placesOf(mutant)
      .filter(({ places }) => places !== 1)
      .map(({ source, places }) => `${mutant.name}: ${places} places in ${source}`),
  );
  expect(stale).toEqual([]);
});

test("every deliberate fault says which rule it breaks, how, and which tests must turn red", () => {
  const incomplete = mutants.filter(
    ({ rule, fault, red, shownBy, plantedBy = "stranger" }) =>
      rule === "" ||
      plantedBy !== "stranger" ||
      fault === "" ||
      red.length + shownBy.length === 0 ||
      shownBy.some((script) => !existsSync(path.join(root, `test/acceptance/${script}.mjs`))) ||
      red.some((file) => !existsSync(path.join(root, file))),
  );
  expect(incomplete).toEqual([]);
});

test("every rule that the page about the protocol numbers has a deliberate fault", () => {
  const broken = new Set(mutants.flatMap(({ rule }) => rule.split(" ")));
  expect(numberedRules().filter((rule) => !broken.has(rule))).toEqual([]);
});

test("every deliberate fault has seeds or a schedule that show it, or says why no seed can", () => {
  const scheduled = new Set(
    readdirSync(path.join(root, schedules)).map((file) => path.basename(file, ".json")),
  );
  const unexplained = mutants.filter(({ name, seeds, unseen }) => !seeds && !unseen && !scheduled.has(name));
  const doubled = mutants.filter(({ seeds, unseen }) => seeds && unseen);
  expect([...unexplained, ...doubled].map(({ name }) => name)).toEqual([]);
});

test("every saved schedule has the name of a deliberate fault, which names the test that runs it", () => {
  const runsThem = "packages/simulator/test/regressions.test.ts";
  const faults = mutants.filter(({ red }) => red.includes(runsThem)).map(({ name }) => `${name}.json`);
  expect(readdirSync(path.join(root, schedules)).sort()).toEqual(faults.sort());
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workplace } from "./synod-command.js";

let place: Workplace;

beforeEach(() => {
  place = new Workplace();
});

afterEach(() => place.end());

describe("synod demo", () => {
  it("finds answers, log and replicas alike, and a planted difference", async () => {
    const demo = await place.run("demo", "--clients", "3", "--commands", "4", "--seed", "7", "--json");
    expect(demo.code, demo.stderr).toBe(0);
    const figures = JSON.parse(demo.stdout);
    expect(figures).toMatchObject({ holds: true, results: 12, executed: 12, differences: [], seed: 7 });
    expect(new Set(figures.replicas.map(({ hash }: { hash: string }) => hash)).size).toBe(1);

    const planted = await place.run("demo", "--clients", "2", "--commands", "3", "--plant-difference");
    expect(planted.code).toBe(1);
    expect(planted.stdout).toContain("They differ:");
  });
});

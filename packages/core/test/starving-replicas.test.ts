import { expect, test } from "vitest";
import { defaultLimits, type Propose } from "../src/index.js";
import { StarvingReplicas } from "../src/leader/starving-replicas.js";

const propose: Propose = {
  kind: "propose",
  slot: 1,
  value: {
    kind: "batch",
    proposal: { replica: "r1", incarnation: 1, number: 1 },
    commands: new Uint8Array(1),
  },
  forwarded: false,
};

test("rule 11: a replica that repeats itself more and more seldom is remembered from one time to the next", () => {
  const starving = new StarvingReplicas({ ...defaultLimits, reproposeTicks: 16 });
  const pass = (ticks: number) => {
    for (let tick = 0; tick < ticks; tick++) starving.tick();
  };
  starving.proposed(propose);
  for (const wait of [160, 320, 640]) {
    pass(wait); // Of a replica whose clock runs at a tenth of this leader's.
    starving.proposed(propose);
    expect(starving.any).toBe(true);
  }
  pass(1_919);
  expect(starving.any).toBe(true);
  pass(2);
  expect(starving.any).toBe(false);
});

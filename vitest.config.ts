import { configDefaults, defineConfig } from "vitest/config";
import { leftOut } from "./test/foreign.mjs";

const withoutForeign = [...configDefaults.exclude, ...leftOut().map(({ file }) => file)];

/** Workspace packages resolve to their sources, so that a test needs no build unless it starts a process. */
const resolve = { conditions: ["source", "module", "node", "development|production"] };
const shared = { resolve, ssr: { resolve: { conditions: resolve.conditions } } };

export default defineConfig({
  test: {
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "services/*/test/**/*.test.ts"],
        },
      },
      {
        ...shared,
        test: {
          name: "cross",
          include: ["test/{paper,scenarios,contract,architecture,history}/**/*.test.ts"],
          exclude: withoutForeign,
        },
      },
      {
        // These start processes and measure time: one file after the other, after everything else.
        ...shared,
        test: {
          name: "processes",
          include: ["test/{e2e,chaos}/**/*.test.ts"],
          exclude: withoutForeign,
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

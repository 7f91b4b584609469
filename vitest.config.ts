import { configDefaults, defineConfig } from "vitest/config";
import { leftOut } from "./test/foreign.mjs";

const withoutForeign = [...configDefaults.exclude, ...leftOut().map(({ file }) => file)];

/** Workspace packages resolve to their sources, so that a test needs no build unless it starts a process. */
const resolve = { conditions: ["source", "module", "node", "development|production"] };
const shared = { resolve, ssr: { resolve: { conditions: resolve.conditions } } };
/** Far above what any of them takes, so that only one that hangs is ended, however slow or busy the machine. */
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };
const processes = { ...patience, exclude: withoutForeign };
/** A worker loads once what many files import; so none leaves a global, a timer, a mock or a variable changed. */
const together = { ...patience, isolate: false };

export default defineConfig({
  test: {
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    projects: [
      {
        ...shared,
        test: {
          ...together,
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "services/*/test/**/*.test.ts"],
        },
      },
      {
        ...shared,
        test: {
          ...together,
          name: "cross",
          include: ["test/{paper,scenarios,hosts,contract,architecture,history}/**/*.test.ts"],
          exclude: withoutForeign,
        },
      },
      {
        // What a user does, with processes: they take what processor there is, and need not wait for each other.
        ...shared,
        test: {
          ...processes,
          name: "commands",
          include: ["test/e2e/**/*.test.ts"],
          sequence: { groupOrder: 1 },
        },
      },
      {
        // These put load on nine processes and measure time: one file after the other, after everything else.
        ...shared,
        test: {
          ...processes,
          name: "load",
          include: ["test/{short,chaos}/**/*.test.ts"],
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

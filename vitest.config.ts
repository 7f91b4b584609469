import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { leftOut } from "./test/foreign.mjs";

const withoutForeign = [...configDefaults.exclude, ...leftOut().map(({ file }) => file)];

/** Workspace packages resolve to their sources, so that a test needs no build unless it starts a process. */
const resolve = { conditions: ["source", "module", "node", "development|production"] };
const shared = { resolve, ssr: { resolve: { conditions: resolve.conditions } } };
/** Far above what any of them takes, so that only one that hangs is ended, however slow or busy the machine. */
const patience = { testTimeout: 180_000, hookTimeout: 180_000 };
/** A worker loads once what many files import; so none leaves a global, a timer, a mock or a variable changed. */
const together = {
  ...patience,
  isolate: false,
  setupFiles: [new URL("test/waiting.ts", import.meta.url).pathname],
};

/** Small files that take long; vitest, which has no durations in a fresh clone, begins with the largest files. */
const long = /(simulate|worlds|crash-points|kills|clocks|fuzz|realm|locks|errors)\.test\.ts$/;

/** Begins with what takes long, so that at the end nobody waits for one file alone. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [true, false].flatMap((first) => sorted.filter(({ moduleId }) => long.test(moduleId) === first));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    // One more than the cores of a small machine: many tests wait for processes and timers most of their time.
    maxWorkers: 3,
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
        // They start processes, which take what processor there is.
        ...shared,
        test: {
          ...together,
          name: "processes",
          include: ["test/{e2e,short,chaos}/**/*.test.ts"],
          exclude: withoutForeign,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

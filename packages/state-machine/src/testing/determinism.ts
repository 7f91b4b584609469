import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type DeterminismStep, stepText } from "./step.js";

export interface DeterminismTest {
  /** URL of a compiled module whose default export is a replicated service: `import.meta.resolve("../dist/ledger.js")`. */
  readonly module: string;
  readonly steps: readonly DeterminismStep[];
  /** URL of the module that exports `loadServices`: `import.meta.resolve("@synod/wire")`. */
  readonly loader: string;
}

/** The instructions for a process that executes the steps. */
export interface DeterminismJob extends DeterminismTest {
  /** Loads the module anew before every step, so that what it kept in variables is gone. */
  readonly reload: boolean;
}

/** What came of one step. */
export interface DeterminismOutcome {
  readonly status: number;
  readonly message: string;
  /** As JSON; empty when there is none. */
  readonly response: string;
  /** Of everything up to here: state and answers. */
  readonly hash: string;
}

const program = fileURLToPath(new URL("./determinism-process.js", import.meta.url));

/** Everything that may differ between two replicas and that a process can be given, all of it other in the second. */
const environments = [
  {
    env: { TZ: "UTC", LC_ALL: "en_US.UTF-8", LANG: "en_US.UTF-8" },
    execArgv: ["--random-seed=1", "--hash-seed=1"],
    reload: false,
  },
  {
    env: { TZ: "Asia/Kolkata", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8" },
    // No optimizing compiler: other code for the same arithmetic, and other frames on a smaller stack.
    execArgv: ["--random-seed=2", "--hash-seed=2", "--no-opt", "--stack-size=600"],
    reload: true,
  },
] as const;

/**
 * Executes the steps twice, in processes of their own with other time zones and locales, another seed of chance, another
 * stack and other machine code, the second time with the module loaded anew for every step. Throws an Error that names the first step whose answer or state differs, and what a
 * handler throws that its service does not declare.
 */
export async function checkDeterminism(test: DeterminismTest): Promise<void> {
  const texts = test.steps.map(stepText);
  const [first, second] = await Promise.all(
    environments.map(({ env, execArgv, reload }) => execute({ ...test, reload }, env, execArgv)),
  );
  for (const index of test.steps.keys()) {
    const [a, b] = [first?.[index], second?.[index]];
    if (a !== undefined && JSON.stringify(a) === JSON.stringify(b)) continue;
    throw new Error(
      `step ${index + 1} (${texts[index]}) is not deterministic: the two runs gave\n  ${JSON.stringify(a)}\n  ${JSON.stringify(b)}\n` +
        "Expected the same. Is something kept in a variable of the module, or of a package that it imports? It is gone after a " +
        "restart: keep it in a table, or make it anew in each command",
    );
  }
}

function execute(
  job: DeterminismJob,
  env: Readonly<Record<string, string>>,
  execArgv: readonly string[],
): Promise<DeterminismOutcome[]> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [], { env: { ...process.env, ...env }, execArgv: [...execArgv] });
    let outcomes: DeterminismOutcome[] | undefined;
    let failure = "";
    child.on("message", (message: { outcomes?: DeterminismOutcome[]; failure?: string }) => {
      outcomes = message.outcomes;
      failure = message.failure ?? "";
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (outcomes !== undefined) resolve(outcomes);
      else reject(new Error(failure || `the process of a determinism test ended with exit code ${code}`));
    });
    child.send(job);
  });
}

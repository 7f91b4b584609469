// Executes the steps of a determinism test; started by determinism.ts, which it answers through the process's channel.
import { Status } from "@synod/core";
import type { DescriptorLoader } from "../codec.js";
import type { ReplicatedService } from "../replicated-service.js";
import type { DeterminismJob, DeterminismOutcome } from "./determinism.js";
import { CallFailed, ServiceRun } from "./run.js";

type AnyService = ReplicatedService<Record<string, { request: object; response: object }>>;

function shiftClock(byMs: number): void {
  const Original = Date;
  globalThis.Date = new Proxy(Original, {
    construct: (target, parameters): Date =>
      Reflect.construct(target, parameters.length === 0 ? [Original.now() + byMs] : parameters) as Date,
    get: (target, key) => (key === "now" ? () => Original.now() + byMs : Reflect.get(target, key)),
  });
}

async function load(module: string, number: number): Promise<AnyService> {
  // Another query is another module to Node: loaded from its file, with variables of its own.
  const loaded = (await import(`${module}?load=${number}`)) as { default?: AnyService };
  if (loaded.default === undefined)
    throw new Error(`${module}: expected a replicated service as default export, found none`);
  return loaded.default;
}

async function execute(job: DeterminismJob): Promise<DeterminismOutcome[]> {
  shiftClock(job.clockOffsetMs);
  const { loadServices } = (await import(job.loader)) as { loadServices: DescriptorLoader };
  const run = new ServiceRun(await load(job.module, 0), { loader: loadServices });
  const outcomes: DeterminismOutcome[] = [];
  for (const [index, step] of job.steps.entries()) {
    if (job.reload && index > 0) run.restart(await load(job.module, index));
    let outcome = { status: Status.ok as number, message: "", response: "" };
    try {
      if ("advanceMs" in step) run.advance(step.advanceMs);
      else outcome.response = JSON.stringify(run.call(step.method, step.request));
    } catch (error) {
      // What is not declared is a mistake, also where both runs make it: the guard refuses the clock the same way twice.
      if (!(error instanceof CallFailed)) throw error;
      if (error.cause !== undefined)
        throw new Error(`step ${index + 1}: ${error.message}`, { cause: error.cause });
      outcome = { status: error.code, message: error.reason, response: "" };
    }
    outcomes.push({ ...outcome, hash: run.hash });
  }
  return outcomes;
}

process.once("message", (job: DeterminismJob) => {
  execute(job)
    .then(
      (outcomes) => ({ outcomes }),
      (error: unknown) => ({
        failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    )
    .then((answer) => process.send?.(answer, () => process.disconnect()));
});

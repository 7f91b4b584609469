// Executes the steps of a determinism test; started by determinism.ts, which it answers through the process's channel.

import type { DescriptorLoader } from "../definition/codec.js";
import type { ReplicatedService } from "../definition/replicated-service.js";
import { Status } from "../definition/status.js";
import { serviceAt } from "../realm/realm-service.js";
import type { DeterminismJob, DeterminismOutcome } from "./determinism.js";
import { CallFailed, ServiceRun } from "./run.js";

type AnyService = ReplicatedService<Record<string, { request: object; response: object }>>;

async function execute(job: DeterminismJob): Promise<DeterminismOutcome[]> {
  const { loadServices } = (await import(job.loader)) as { loadServices: DescriptorLoader };
  const run = new ServiceRun(serviceAt(job.module) as AnyService, { loader: loadServices });
  const outcomes: DeterminismOutcome[] = [];
  for (const [index, step] of job.steps.entries()) {
    // In another realm: what the module kept in variables is gone.
    if (job.reload && index > 0) run.restart();
    let outcome = { status: Status.ok as number, message: "", response: "" };
    try {
      if ("idleMs" in step) run.idle(step.idleMs);
      else outcome.response = JSON.stringify(run.call(step.method, step.request));
    } catch (error) {
      // What is not declared is a mistake, also where both runs make it: a realm refuses a timer the same way twice.
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

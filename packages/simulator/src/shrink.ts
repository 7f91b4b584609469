import type { FaultEvent } from "./fault-event.js";
import type { WorldOptions } from "./options.js";
import { type RunResult, type Schedule, simulate } from "./world.js";

/** The parts of a world that can be left out, the largest first. */
const simpler: readonly ((options: WorldOptions) => Partial<WorldOptions>)[] = [
  () => ({ star: false }),
  () => ({ reconfigure: 0, spareAcceptors: 0 }),
  () => ({ clients: 1 }),
  () => ({ acceptors: 3 }),
  () => ({ replicas: 2 }),
  () => ({ leaders: 1 }),
  () => ({ leaders: 2 }),
  () => ({ loss: 0 }),
  () => ({ duplication: 0 }),
  () => ({ delay: "even" }),
  () => ({ maxDelay: 1 }),
  () => ({ trimLoss: 0, deafAcceptor: false }),
  () => ({ drift: 0 }),
  () => ({ slow: 0 }),
  () => ({ sync: 1 }),
  () => ({ flush: 1 }),
  () => ({ outstanding: 1 }),
  ({ request }) => ({ request: request / 4 }),
];

export interface ShrinkOptions {
  /** Runs at most. */
  readonly attempts?: number;
  readonly progress?: (line: string) => void;
}

/**
 * The smallest schedule found that fails in the same way: with fewer things that go wrong, in a simpler and shorter world.
 * `failed` is the result of the schedule as it was.
 */
export async function shrink(
  schedule: Schedule,
  failed: RunResult,
  options: ShrinkOptions = {},
): Promise<RunResult & Schedule> {
  const { attempts = 300, progress = () => {} } = options;
  const wanted = kindOf(failed.failure ?? "");
  let best: Schedule = { ...schedule, events: failed.events };
  let result = failed;
  let left = attempts;
  const better = async (candidate: Schedule): Promise<boolean> => {
    if (left-- <= 0) return false;
    const run = await simulate(candidate);
    if (run.failure === undefined || kindOf(run.failure) !== wanted) return false;
    best = { ...candidate, events: run.events };
    result = run;
    progress(`${run.events.length} events, ${run.ticks} ticks: ${run.failure}`);
    return true;
  };
  await better(best);
  await better(shortened(best, result));
  for (let before = -1; before !== left && left > 0; ) {
    before = left;
    const events = best.events?.length ?? 0;
    await fewerEvents(() => best, better);
    for (const simplify of simpler) {
      const change = simplify(result.options);
      const known = Object.entries(change) as [keyof WorldOptions, unknown][];
      if (known.some(([name, value]) => result.options[name] !== value))
        await better({ ...best, overrides: { ...best.overrides, ...change } });
    }
    await better(shortened(best, result));
    if ((best.events?.length ?? 0) === events) break;
  }
  return { ...result, ...best, events: best.events ?? [] };
}

/** The words of a failure without the numbers and names of one run: the same for failures of one kind. */
export function kindOf(failure: string): string {
  return failure.replace(/[^\s,;:()]*\d[^\s,;:()]*/g, "·");
}

/** A failure that comes while faults happen needs no world that goes on after it. */
function shortened(schedule: Schedule, { ticks, options }: RunResult): Schedule {
  return {
    ...schedule,
    overrides: { ...schedule.overrides, faultyTicks: Math.min(ticks + 1, options.faultyTicks) },
  };
}

/** Leaves out halves of the events, then quarters, and so on to single ones. */
async function fewerEvents(
  best: () => Schedule,
  better: (candidate: Schedule) => Promise<boolean>,
): Promise<void> {
  for (
    let size = Math.ceil((best().events?.length ?? 0) / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < (best().events?.length ?? 0); ) {
      const events: readonly FaultEvent[] = best().events ?? [];
      const fewer = [...events.slice(0, from), ...events.slice(from + size)];
      if (!(await better({ ...best(), events: fewer }))) from += size;
    }
  }
}

// `vi.waitFor` gives up after a second, which a busy machine takes for anything. Here it gives up after far more time than
// what tests wait for takes anywhere, so that only what never comes ends a wait.
import { vi } from "vitest";

const patienceMs = 20_000;
const patient = Symbol.for("synod.patient");

type WaitFor = typeof vi.waitFor & { [patient]?: true };

const original: WaitFor = vi.waitFor;

const patiently: WaitFor = (callback, options = {}) =>
  original(
    callback,
    typeof options === "number" ? { timeout: options } : { timeout: patienceMs, ...options },
  );
patiently[patient] = true;

// Files share their workers, and each of them comes by here.
if (!original[patient]) vi.waitFor = patiently;

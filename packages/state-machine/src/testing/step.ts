/** A step of a test: a call, or time that passes. */
export type DeterminismStep =
  | { readonly method: string; readonly request: object }
  | { readonly idleMs: number };

/** A step as errors name it. Throws a TypeError when it is neither: a step that does nothing would test nothing. */
export function stepText(step: DeterminismStep): string {
  if ("method" in step) return `${step.method} ${JSON.stringify(step.request)}`;
  if ("idleMs" in step) return `idle ${step.idleMs} ms`;
  const found = Object.keys(step).join(", ") || "nothing";
  throw new TypeError(`a step of a test: expected { method, request } or { idleMs }, found ${found}`);
}

/** A handler used something that differs between replicas, as an error of its realm said. */
export class NotDeterministic extends Error {
  override readonly name = "NotDeterministic";
}

/** Told by its name: each realm has a class of its own. */
export function isNotDeterministic(error: unknown): boolean {
  return (error as { name?: unknown } | null | undefined)?.name === "NotDeterministic";
}

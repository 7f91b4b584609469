/** A configuration or command line that makes no sense. It names every problem found, not only the first. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  /** One sentence each: where, what was expected, what was found. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? `${problems[0]}`
        : [`${problems.length} problems in the configuration:`, ...problems].join("\n  "),
    );
    this.problems = problems;
  }
}

/** A value as a message shows it: short, and on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** A path into a JSON value, as one writes it: `acceptors[0].id`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}

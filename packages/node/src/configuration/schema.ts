import * as valibot from "valibot";
import { pathText, shown } from "./problem.js";

/** A text for which this holds; `expected` says in words what it is. */
export const textThat = (expected: string, holds: (found: string) => boolean) =>
  valibot.pipe(valibot.string(expected), valibot.check(holds, expected));

/** An object with these fields and no others. A list is none, though it is one to JavaScript. */
export const objectOf = <Fields extends valibot.ObjectEntries>(fields: Fields, expected: string) =>
  valibot.pipe(
    valibot.custom<object>((found) => !Array.isArray(found), expected),
    valibot.strictObject(fields, expected),
  );

/**
 * The problems that a schema found, in words: the messages of its parts say what is expected ("a name"). `fieldsAt` gives the
 * fields of the object at a path, because valibot names neither all unknown ones nor what a missing one should have been.
 */
export function schemaProblems(
  issues: readonly valibot.BaseIssue<unknown>[],
  fieldsAt: (path: readonly PropertyKey[]) => valibot.ObjectEntries,
): string[] {
  return issues.flatMap(({ expected, input, message, path: steps = [] }) => {
    const path = steps.map(({ key }) => key as PropertyKey);
    const where = path.length === 0 ? "" : `${pathText(path)}: `;
    const [place, key] = [path.slice(0, -1), String(path.at(-1))];
    if (expected === `"${key}"`) {
      const { issues: [missing] = [] } = valibot.safeParse(
        fieldsAt(place)[key] ?? valibot.never(),
        undefined,
      );
      return [`${where}expected ${missing?.message}, found nothing`];
    }
    if (expected !== "never") return [`${where}expected ${message}, found ${shown(input)}`];
    const fields = fieldsAt(place);
    return Object.keys(steps.at(-1)?.input as object)
      .filter((name) => !(name in fields))
      .map((name) => {
        const known = Object.keys(fields).join(", ");
        return `${pathText([...place, name])}: unknown field; the fields here are ${known}`;
      });
  });
}

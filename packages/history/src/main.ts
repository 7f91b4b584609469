import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { check, checkDefaults } from "./check.js";
import { readHistory } from "./json-lines.js";
import { reportText } from "./report.js";

export const usage = `synod-history FILE [--seconds N] [--configurations N] [--json]

Decides whether a history of calls to kv, calculator or lock, as JSON lines, is linearizable, and shows the smallest part
that is not. Exit code 0: it is; 1: it is not; 2: wrong use, or no history; 3: undecided, or
not told.

  --seconds N          gives up after that time; ${checkDefaults.seconds} unless given
  --configurations N   gives up a partition beyond so many, about 300 bytes each; ${checkDefaults.configurations} unless given
  --json               one line of JSON in place of text`;

const exitCodes = { linearizable: 0, violation: 1, undecided: 3 } as const;

/** Resolves when it is out; rejects, with a sentence, when standard output does not take it. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) =>
      error ? reject(new Unprinted(`cannot write to standard output: ${error.message}`)) : resolve(),
    );
  });
}

class Unprinted extends Error {}

/** The command; its exit code. */
export async function main(parameters: readonly string[]): Promise<number> {
  // Outputs that fail are told by the exit code, and do not end the process half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    const { values, positionals } = parseArgs({
      args: [...parameters],
      allowPositionals: true,
      options: {
        seconds: { type: "string" },
        configurations: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help === true) {
      await print(usage);
      return 0;
    }
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0) throw new TypeError("expected one file");
    const verdict = check(readHistory(readFileSync(file, "utf8")), {
      seconds: numberOf("--seconds", values.seconds, checkDefaults.seconds),
      configurations: numberOf("--configurations", values.configurations, checkDefaults.configurations),
    });
    await print(values.json === true ? JSON.stringify(verdict) : reportText(verdict));
    return exitCodes[verdict.verdict];
  } catch (error) {
    if (error instanceof Unprinted) {
      console.error(`synod-history: ${error.message}`);
      return 3;
    }
    console.error(`synod-history: ${(error as Error).message}\n\n${usage}`);
    return 2;
  }
}

function numberOf(flag: string, text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text);
  if (!(number > 0)) throw new TypeError(`${flag}: expected a number above 0, found ${text}`);
  return number;
}

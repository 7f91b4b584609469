import { parseArgs } from "node:util";
import { reportText } from "./suite/report.js";
import { type RoleName, roles } from "./suite/roles.js";
import { type ContractOptions, runContract } from "./suite/run.js";

export const usage = `synod-contract --acceptor HOST:PORT --leader HOST:PORT --replica HOST:PORT [--destructive] [--json]

Checks every RPC of the services at these addresses, over gRPC and knowing nothing but the proto files.

  --acceptor HOST:PORT   an acceptor; for --destructive one that no leader uses
  --leader HOST:PORT     a leader
  --replica HOST:PORT    a replica
  --destructive          also run the checks that write: only against services whose data may be lost
  --only NAME            only the RPCs whose name begins so, for example Acceptor.Vote; may be repeated
  --patience MS          how long an answer may take; 10000 unless given
  --json                 print the result as JSON

Exit codes: 0 nothing failed, 1 a check failed, 2 wrong usage.
`;

export interface Arguments {
  readonly options: ContractOptions;
  readonly json: boolean;
  readonly help: boolean;
}

/** Throws a TypeError that says what is wrong with the arguments. */
export function argumentsOf(parameters: readonly string[]): Arguments {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      acceptor: text,
      leader: text,
      replica: text,
      only: { ...text, multiple: true },
      patience: text,
      destructive: flag,
      json: flag,
      help: flag,
    },
  });
  const addresses: Partial<Record<RoleName, string>> = {};
  for (const role of roles) {
    const address = values[role];
    if (address === undefined) continue;
    if (!/^\S+:\d{1,5}$/.test(address))
      throw new TypeError(`--${role}: expected HOST:PORT, found "${address}"`);
    addresses[role] = address;
  }
  const patienceMs = Number(values.patience ?? 10_000);
  if (!Number.isInteger(patienceMs) || patienceMs < 1)
    throw new TypeError(`--patience: expected milliseconds, found "${values.patience}"`);
  const { destructive, json, help, only } = values;
  return { options: { addresses, destructive, patienceMs, ...(only ? { only } : {}) }, json, help };
}

/** Resolves when it is out; rejects, with a sentence, when standard output does not take it. */
function printed(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) =>
      error ? reject(new Error(`cannot write to standard output: ${error.message}`)) : resolve(),
    );
  });
}

/** Runs the suite and prints what it found. Resolves to the exit code. */
export async function report(
  options: ContractOptions,
  json: boolean,
  print: (text: string) => unknown = printed,
): Promise<number> {
  const result = await runContract(options);
  await print(json ? JSON.stringify(result, undefined, 2) : reportText(result));
  return result.failed === 0 ? 0 : 1;
}

/** The command line. Resolves to the exit code. */
export async function main(parameters: readonly string[]): Promise<number> {
  // Outputs that fail are told by the exit code, and do not end the process half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    return await answer(parameters);
  } catch (error) {
    process.stderr.write(`synod-contract: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

async function answer(parameters: readonly string[]): Promise<number> {
  let given: Arguments;
  try {
    given = argumentsOf(parameters);
    if (!given.help && Object.keys(given.options.addresses).length === 0)
      throw new TypeError("expected at least one of --acceptor, --leader and --replica, found none");
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (!given.help) return report(given.options, given.json);
  await printed(usage.trimEnd());
  return 0;
}

import { type Client, connect, SynodError } from "@synod/client";
import { maxRequestBytes } from "@synod/wire";
import type { Argv, CommandModule } from "yargs";
import { exitCode, Failure } from "../failure.js";
import { standardInput } from "../input.js";
import { print } from "../output.js";
import { replicaTargets } from "../targets.js";
import { requireWhole, withReplicas } from "./options.js";

interface KvArguments {
  replica: string[];
  timeout: number;
}

/** A gRPC status code: nobody answered. */
const unavailable = 14;
/** A gRPC status code: here, that another cluster answers. */
const failedPrecondition = 9;

interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

interface KeyValue {
  Get(request: { key: string }): Promise<{ found: boolean; value: Uint8Array }>;
  Put(request: { key: string; value: Uint8Array }): Promise<{ revision: string }>;
  Delete(request: { key: string }): Promise<{ deleted: boolean }>;
  Range(request: { prefix: string; limit?: number; continuation?: string }): Promise<{
    entries: Entry[];
    continuation: string;
  }>;
}

function withStore<T extends KvArguments>(yargs: Argv<object>) {
  return withReplicas(yargs).option("timeout", {
    type: "number",
    default: 5_000,
    describe: "milliseconds to wait for an answer",
  }) as unknown as Argv<T>;
}

/** Connects, runs one piece of work on the store, and closes. */
async function onStore(options: KvArguments, work: (store: KeyValue) => Promise<void>): Promise<void> {
  const deadlineMs = requireWhole("timeout", options.timeout, 1);
  const { addresses, cluster } = await replicaTargets(options.replica);
  const client: Client = connect({ replicas: addresses, deadlineMs, ...(cluster ? { cluster } : {}) });
  try {
    await work(client.service<KeyValue>("synod.kv.v1.KeyValue"));
  } catch (error) {
    if (error instanceof SynodError) throw new Failure(explain(error));
    throw error;
  } finally {
    client.close();
  }
}

function explain(error: SynodError): string {
  if (error.outcome === "not executed" && error.code === unavailable)
    return `${error.message}\n"npx synod status" shows who runs; "npx synod up" starts a cluster that was stopped.`;
  if (error.outcome === "not executed" && error.code === failedPrecondition)
    return `${error.message}\n"npx synod up" starts the cluster of this directory; --replica HOST:PORT takes whichever runs there.`;
  if (error.outcome !== "unknown") return error.message;
  return `${error.message}\nIt may have been executed all the same: look before you repeat it.`;
}

const newline = Buffer.from("\n");

const getCommand: CommandModule<object, KvArguments & { key: string }> = {
  command: "get <key>",
  describe: "print the value of a key, and nothing else (exit 1 when there is no such key)",
  builder: (yargs) => withStore(yargs.positional("key", { type: "string", demandOption: true })),
  handler: (options) =>
    onStore(options, async (store) => {
      const { found, value } = await store.Get({ key: options.key });
      if (!found) throw new Failure(`no key ${JSON.stringify(options.key)}`);
      await print(Buffer.concat([value, newline]));
    }),
};

const putCommand: CommandModule<object, KvArguments & { key: string; value?: string; stdin: boolean }> = {
  command: "put <key> [value]",
  describe: "write a key",
  builder: (yargs) =>
    withStore(
      yargs
        .positional("key", { type: "string", demandOption: true })
        .positional("value", { type: "string" })
        .option("stdin", {
          type: "boolean",
          default: false,
          describe: "take the value from standard input: bytes of any kind, and more than a word may have",
        }),
    ),
  handler: async ({ key, value, stdin, ...options }) => {
    if ((value === undefined) !== stdin)
      throw new Failure(
        `expected a value behind the key, or --stdin, found ${stdin ? "both" : "neither"}`,
        exitCode.usage,
      );
    const bytes = value === undefined ? await standardInput(maxRequestBytes) : Buffer.from(value);
    await onStore(options, async (store) => {
      const { revision } = await store.Put({ key, value: bytes });
      await print(`revision ${revision}`);
    });
  },
};

const deleteCommand: CommandModule<object, KvArguments & { key: string }> = {
  command: "delete <key>",
  describe: "remove a key (exit 1 when there is none)",
  builder: (yargs) => withStore(yargs.positional("key", { type: "string", demandOption: true })),
  handler: (options) =>
    onStore(options, async (store) => {
      const { deleted } = await store.Delete({ key: options.key });
      if (!deleted) throw new Failure(`no key ${JSON.stringify(options.key)}`);
      await print("deleted");
    }),
};

const rangeCommand: CommandModule<object, KvArguments & { prefix: string }> = {
  command: "range [prefix]",
  describe: "print every key that starts with a prefix, with its value, in order",
  builder: (yargs) => withStore(yargs.positional("prefix", { type: "string", default: "" })),
  handler: (options) =>
    onStore(options, async (store) => {
      let continuation = "";
      do {
        const page = await store.Range({ prefix: options.prefix, continuation });
        for (const { key, value } of page.entries) {
          await print(`${key}\t${Buffer.from(value).toString()}`);
        }
        continuation = page.continuation;
      } while (continuation !== "");
    }),
};

export const kvCommand: CommandModule = {
  command: "kv",
  describe: "the built-in key-value store",
  builder: (yargs) =>
    yargs
      .command(getCommand)
      .command(putCommand)
      .command(deleteCommand)
      .command(rangeCommand)
      .demandCommand(1, "expected one of: get, put, delete, range"),
  handler: () => undefined,
};

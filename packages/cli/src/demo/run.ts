import { connect, SynodError, statusName } from "@synod/client";
import { seededRandom } from "@synod/core";
import { askStatus, readLog, readStale } from "../calls.js";
import { Failure } from "../failure.js";
import type { DecidedSlot } from "../log/decided.js";
import { type CalculatorAnswer, calculatorService } from "./calculation.js";
import { randomCommand } from "./commands.js";
import { type ClientResult, type ReplicaFinal, text } from "./compare.js";

export interface DemoOptions {
  readonly clients: number;
  readonly commands: number;
  readonly seed: number;
  readonly replicas: readonly string[];
  readonly print: (line: string) => void;
}

/** Every client sends its commands one after the other, each to all replicas at once, and takes the first answer. */
export async function runClients(options: DemoOptions): Promise<ClientResult[]> {
  const numbers = Array.from({ length: options.clients }, (_, index) => index + 1);
  const results = await Promise.all(numbers.map((client) => runClient(client, options)));
  return results.flat();
}

async function runClient(client: number, options: DemoOptions): Promise<ClientResult[]> {
  const random = seededRandom(options.seed * 1_000 + client);
  const connection = connect({ replicas: options.replicas, sendToAll: true });
  const calculator =
    connection.service<Record<string, (request: object) => Promise<{ value: string }>>>(calculatorService);
  const results: ClientResult[] = [];
  try {
    for (let sequence = 1; sequence <= options.commands; sequence++) {
      const { method, operand } = randomCommand(random);
      const answer = await answerOf(() =>
        (calculator[method] as (request: object) => Promise<{ value: string }>)({ operand: String(operand) }),
      );
      const clientId = connection.clientId ?? "";
      results.push({ client, clientId, sequence, method, operand: String(operand), answer });
      options.print(`client ${client}  ${`${method} ${operand}`.padEnd(13)} -> ${text(answer)}`);
    }
    return results;
  } finally {
    connection.close();
  }
}

async function answerOf(calculate: () => Promise<{ value: string }>): Promise<CalculatorAnswer> {
  try {
    return { value: (await calculate()).value };
  } catch (error) {
    // An answer of the service, such as OUT_OF_RANGE, is a result like any other; anything else ends the demo.
    if (error instanceof SynodError && error.outcome === "answered") return { error: statusName(error.code) };
    throw error;
  }
}

const settleWithinMs = 15_000;
const pollMs = 50;

/** The last state of every replica, each asked alone, once all of them have applied the same slots. */
export async function readReplicas(addresses: readonly string[]): Promise<ReplicaFinal[]> {
  const giveUpAt = performance.now() + settleWithinMs;
  for (;;) {
    const statuses = await Promise.all(addresses.map((address) => askStatus(address, 2_000)));
    const finals = statuses.map(({ id, state }) => {
      if (state.role !== "replica") throw new Failure(`expected a replica, found ${state.role} ${id}`);
      return { id, appliedSlot: state.slotOut - 1, hash: state.hash };
    });
    const settled = finals.every((final) => final.appliedSlot === finals[0]?.appliedSlot);
    if (settled || performance.now() > giveUpAt) {
      const logs = await Promise.all(
        addresses.map((address, index) => wholeLog(address, finals[index]?.appliedSlot)),
      );
      const values = await Promise.all(addresses.map(localValue));
      return finals.map((final, index) => ({ ...final, value: values[index] ?? "", log: logs[index] ?? [] }));
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** The number in a replica's own state. */
async function localValue(address: string): Promise<string> {
  const { value } = await readStale(address, calculatorService, "Value", {}, settleWithinMs);
  return String(value);
}

async function wholeLog(address: string, appliedSlot = 0): Promise<DecidedSlot[]> {
  const log: DecidedSlot[] = [];
  for await (const decided of readLog(address, 1, appliedSlot)) log.push(decided);
  return log;
}

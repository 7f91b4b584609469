import { type Command, Status } from "@synod/core";
import { methodOf, serviceNames } from "./services.js";

/** What a command should have come to: its status, and the field of its response that tells. */
export interface Expected {
  readonly status: number;
  readonly field?: readonly [name: string, value: string | boolean];
}

interface KeyCondition {
  readonly key: string;
  readonly absent: boolean;
}

interface KeyWrite {
  readonly key: string;
  readonly put: Uint8Array;
}

const limit = 1n << 63n;

/** The services, as plain as can be: what they should do with the commands that simulated clients send. */
export class PlainServices {
  readonly #values = new Map<string, string>();
  #number = 0n;

  /** Executes a command. Undefined where nothing is expected here: locks follow log time, and have tests of their own. */
  execute({ service, method, request }: Command): Expected | undefined {
    const asked = methodOf(service, method).decodeRequest(request);
    if (service === serviceNames.kv) return this.#keyValue(method, asked);
    if (service === serviceNames.calculator) return this.#calculate(method, BigInt(String(asked.operand)));
    return undefined;
  }

  #keyValue(method: string, asked: Record<string, unknown>): Expected {
    const key = String(asked.key);
    switch (method) {
      case "Append": {
        const value = (this.#values.get(key) ?? "") + textOf(asked.value);
        this.#values.set(key, value);
        return { status: Status.ok, field: ["length", String(value.length)] };
      }
      case "Put":
        this.#values.set(key, textOf(asked.value));
        return { status: Status.ok };
      case "Delete":
        return { status: Status.ok, field: ["deleted", this.#values.delete(key)] };
      default: {
        const conditions = asked.conditions as readonly KeyCondition[];
        const writes = asked.writes as readonly KeyWrite[];
        const succeeded = conditions.every(({ key, absent }) => this.#values.has(key) !== absent);
        if (succeeded) for (const { key, put } of writes) this.#values.set(key, textOf(put));
        return { status: Status.ok, field: ["succeeded", succeeded] };
      }
    }
  }

  #calculate(method: string, operand: bigint): Expected {
    const before = this.#number;
    const after =
      method === "Add" ? before + operand : method === "Subtract" ? before - operand : before * operand;
    if (after >= limit || after < -limit) return { status: Status.outOfRange };
    this.#number = after;
    return { status: Status.ok, field: ["value", String(after)] };
  }
}

function textOf(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString("latin1");
}

import type { Command } from "@synod/core";
import { builtInModels, jsonMessage, type Operation, type Outcome, outcomeText } from "@synod/history";
import { type Answer, Status } from "@synod/state-machine";
import { methodOf, serviceNames } from "./services.js";

/** Locks follow log time, which the models leave open; they have tests of their own. */
const judged: ReadonlySet<string> = new Set([serviceNames.kv, serviceNames.calculator]);

/** What services should do with commands, one after another: the models by which histories are judged. */
export class ServiceModels {
  readonly #states = new Map<string, unknown>();

  /** Executes a command. What should have been answered, and what was, where that differs. */
  differenceIn({ service, method, request }: Command, answer: Answer): string | undefined {
    const model = judged.has(service) ? builtInModels[service] : undefined;
    if (model === undefined) return undefined;
    const { decodeRequest, decodeResponse } = methodOf(service, method);
    const outcome: Outcome =
      answer.status === Status.ok
        ? { answer: jsonMessage(decodeResponse(answer.response)) }
        : { error: statusName(answer.status) };
    const operation: Operation = {
      ...{ client: "", service, method, request: jsonMessage(decodeRequest(request)), invoked: 0 },
      result: { returned: 0, outcome },
    };
    const state = this.#states.has(service) ? this.#states.get(service) : model.initial;
    const step = model.step(state, operation);
    this.#states.set(service, step.state);
    const [expected, found] = [outcomeText(step.outcome), outcomeText(outcome)];
    return expected === found ? undefined : `expected ${expected}, found ${found}`;
  }
}

/** As gRPC writes it. */
function statusName(code: number): string {
  const [name] = Object.entries(Status).find(([, its]) => its === code) ?? [String(code)];
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

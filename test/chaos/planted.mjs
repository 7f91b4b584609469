// Chaos with a fault planted in a client, or in a copy of what was built: the checker must report it.
import { reportText } from "@synod/history";
import { copyWithFault } from "../acceptance/support/copy.mjs";
import { chaos } from "./chaos.mjs";

/** @typedef {{ fault: string, hides?: boolean, change?: import("../acceptance/support/copy.mjs").Change }} Plant */

/** @type {Plant[]} */
export const plants = [
  { fault: "a client hides acknowledged writes", hides: true },
  {
    fault: "replicas read what they have, stale or not",
    change: {
      file: "packages/node/dist/replica/requests/requests.js",
      sound: "const known = this.#answerNow(waiter);",
      faulty: `const known = asked.method === "Get" && asked.service === "synod.kv.v1.KeyValue"
            ? this.#options.engine.query(asked.service, asked.method, asked.request) : this.#answerNow(waiter);`,
    },
  },
  {
    fault: "a command that is decided twice is executed twice",
    change: {
      file: "packages/state-machine/dist/engine/engine.js",
      sound: 'if (verdict.kind === "repeat") {',
      faulty: 'if (verdict.kind === "repeat" && verdict.answer.slot < 0) {',
    },
  },
];

/**
 * What the checker says of it.
 * @param {Plant} plant @param {{ seconds: number, seed: number, progress: (line: string) => void }} options
 */
export async function chaosWith({ fault, hides = false, change }, options) {
  const copy = change && copyWithFault(change);
  try {
    const { verdict } = await chaos({ ...options, hides, ...(copy ? { folder: copy.folder } : {}) });
    options.progress(`${fault}:\n${reportText(verdict)}`);
    const [first] = verdict.violations;
    return { reported: verdict.verdict === "violation", shown: first?.operations.length };
  } finally {
    copy?.remove();
  }
}

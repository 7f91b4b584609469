// Chaos with a fault planted in a client, or in a copy of what was built: the checker must report it.
import { reportText } from "@synod/history";
import { copyWithFaults } from "../acceptance/support/mutants.mjs";
import { chaos } from "./chaos.mjs";

/** @typedef {{ fault: string, hides?: boolean, patch?: string }} Plant */

/** @type {Plant[]} */
export const plants = [
  { fault: "a client hides acknowledged writes", hides: true },
  { fault: "replicas read what they have, stale or not", patch: "r16-stale-reads" },
  { fault: "a command that is decided twice is executed twice", patch: "r16-repeat-executed" },
];

/**
 * What the checker says of it.
 * @param {Plant} plant @param {{ seconds: number, seed: number, progress: (line: string) => void }} options
 */
export async function chaosWith({ fault, hides = false, patch }, options) {
  const copy = patch === undefined ? undefined : copyWithFaults(patch);
  try {
    const { verdict } = await chaos({ ...options, hides, ...(copy ? { folder: copy.folder } : {}) });
    options.progress(`${fault}:\n${reportText(verdict)}`);
    const [first] = verdict.violations;
    return { reported: verdict.verdict === "violation", shown: first?.operations.length };
  } finally {
    copy?.remove();
  }
}

// Tests that need something npm does not install. Where it is missing they are left out and named; where CI is set
// they run all the same, and so fail.
import { lackOf } from "./acceptance/support/needs.mjs";

/** @typedef {Parameters<typeof lackOf>} Needs */

const generated = ["test/e2e/python-ledger.test.ts", "test/contract/python-session.test.ts"];
const traced = ["crash-points", "disk", "fsync"].map((script) => `test/short/${script}.test.ts`);

/** @type {{ files: string[], needs: Needs }[]} */
const foreign = [
  { files: ["test/contract/python.test.ts"], needs: ["python"] },
  { files: generated, needs: ["python", "python generators"] },
  { files: ["test/short/clocks.test.ts"], needs: ["faketime"] },
  { files: traced, needs: ["strace"] },
];

/** @returns {{ file: string, why: string }[]} */
export function leftOut() {
  if (process.env.CI) return [];
  return foreign.flatMap(({ files, needs }) => {
    const why = lackOf(...needs);
    return why === undefined ? [] : files.map((file) => ({ file, why }));
  });
}

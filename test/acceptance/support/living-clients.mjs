// Clients in three languages that are started once and outlive their cluster: the library, and the sessions of examples/ledger/clients.
import path from "node:path";
import { createInterface } from "node:readline";
import { connect, SynodError } from "@synod/client";
import { goProgram, pythonProgram } from "./client-programs.mjs";
import { root } from "./copy.mjs";

/** @typedef {{ outcome: string, details: string }} Ended */
/** @typedef {{ language: string, call: (service: string, method: string, request: Uint8Array) => Promise<Ended>, close: () => void }} Living */

const drivers = path.join(root, "test/acceptance/identity");

/** @param {string[]} replicas @returns {Living} */
export function library(replicas) {
  const client = connect({ replicas, deadlineMs: 15_000 });
  return {
    language: "TypeScript",
    async call(service, method, request) {
      try {
        await client.execute(service, method, request);
        return { outcome: "answered", details: "" };
      } catch (error) {
        if (!(error instanceof SynodError)) throw error;
        return { outcome: error.outcome.replace(" ", "-"), details: error.reason };
      }
    },
    close: () => client.close(),
  };
}

/** @param {string} directory to work in @param {string[]} replicas @returns {Living} */
export function python(directory, replicas) {
  return driven("Python", pythonProgram(directory, path.join(drivers, "living.py"), replicas));
}

/** @param {string} directory to work in @param {string[]} replicas @returns {Living} */
export function go(directory, replicas) {
  return driven("Go", goProgram(directory, path.join(drivers, "living.go"), replicas));
}

/** @param {string} language @param {ReturnType<typeof pythonProgram>} child @returns {Living} */
function driven(language, child) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    language,
    async call(service, method, request) {
      child.stdin.write(`/${service}/${method} ${Buffer.from(request).toString("hex")}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the client in ${language} ended`);
      return JSON.parse(value);
    },
    close: () => void child.kill("SIGKILL"),
  };
}

// What the log says became of every command, found with nothing but the rule of sessions (rule 16): the judge of what
// clients are told.
import * as grpc from "@grpc/grpc-js";
import { systemService } from "@synod/state-machine";
import { batch, callUnary, replicaService } from "@synod/wire";

/** @typedef {{ slot: number, revision: number }} Execution */
/** @typedef {{ acknowledged: number, used: Map<number, string> }} OpenSession */

const maxSessions = 10_000;
const maxWindow = 1_024;

export class LogJudge {
  /** The next slot to read. */
  next = 1;
  /** Commands of services in the log, however often each stands there. */
  copies = 0;
  refused = 0;
  #revision = 0;
  /** The least recently used first. @type {Map<string, OpenSession>} */ #sessions = new Map();
  /** By method and request. @type {Map<string, Execution[]>} */ #executions = new Map();

  /** Reads on, as far as a replica has applied. @param {string} address */
  async read(address) {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    try {
      for (let more = true; more; ) {
        const request = { from: this.next, limit: 1_000, clusterId: "" };
        const page = await callUnary(client, replicaService.Log, request, { deadline: Date.now() + 10_000 });
        for (const { slot, value } of page.decisions) {
          if (slot !== this.next) throw new Error(`the log goes on at slot ${slot}, not ${this.next}`);
          this.next = slot + 1;
          if (value.kind === "batch") this.#batch(slot, batch.decode(value.commands).commands);
        }
        more = page.next !== 0;
      }
    } finally {
      client.close();
    }
  }

  /** @param {string} method @param {Uint8Array} request @returns {readonly Execution[]} */
  executions(method, request) {
    return this.#executions.get(keyOf(method, request)) ?? [];
  }

  /** @param {number} slot @param {readonly import("@synod/core").Command[]} commands */
  #batch(slot, commands) {
    for (const [index, command] of commands.entries()) {
      if (command.service !== systemService) this.#command(slot, command);
      else if (command.method === "OpenSession") this.#open(`${slot}.${index}`);
    }
  }

  /** @param {string} name */
  #open(name) {
    this.#sessions.set(name, { acknowledged: 0, used: new Map() });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > maxSessions && oldest !== undefined) this.#sessions.delete(oldest);
  }

  /** @param {number} slot @param {import("@synod/core").Command} command */
  #command(slot, { clientId, sequence, acknowledged, method, request }) {
    this.copies++;
    // What follows in a name says of which cluster the session is.
    const name = clientId.split(".").slice(0, 2).join(".");
    const session = this.#sessions.get(name);
    const mark = Math.max(session?.acknowledged ?? 0, acknowledged);
    const key = keyOf(method, request);
    const before = session?.used.get(sequence);
    const refused =
      session === undefined ||
      sequence <= mark ||
      (before === undefined ? sequence > mark + maxWindow : before !== key);
    if (refused || session === undefined) {
      this.refused++;
      return;
    }
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    session.acknowledged = mark;
    for (const used of session.used.keys()) if (used <= mark) session.used.delete(used);
    if (before !== undefined) return;
    session.used.set(sequence, key);
    this.#revision++;
    const executions = this.#executions.get(key);
    if (executions) executions.push({ slot, revision: this.#revision });
    else this.#executions.set(key, [{ slot, revision: this.#revision }]);
  }
}

/** @param {string} method @param {Uint8Array} request */
const keyOf = (method, request) => `${method} ${Buffer.from(request).toString("hex")}`;

// What is done with one call: messages sent in some order, and how the caller goes away.

import { toLeader } from "@synod/wire";
import { pick } from "../flags.mjs";
import { anyKind, kinds } from "./damage.mjs";
import { isHello } from "./judge.mjs";

/**
 * @typedef {import("./rpcs.mjs").Rpc} Rpc
 * @typedef {{ send: Buffer } | { rest: number } | "end" | "cancel" | "stop reading"} Step
 * @typedef {{ form: string, kinds: string[], steps: Step[], metadata: [string, string][] }} Play
 * @typedef {(drawn: Drawn) => Step[]} Form
 */

const helloId = 1;

/** What a play of one RPC is drawn from. */
export class Drawn {
  /** @type {string[]} */
  used = [];

  /**
   * @param {import("./damage.mjs").Source} source
   * @param {Rpc} rpc
   * @param {{ clusterId: string, members: string[] }} cluster
   * @param {{ may: (bytes: Buffer) => boolean, isRequest: (bytes: Buffer) => boolean }} judge whether a message may be sent,
   *   and whether it is one that will be taken
   */
  constructor(source, rpc, cluster, judge) {
    this.source = source;
    this.rpc = rpc;
    this.cluster = cluster;
    this.judge = judge;
  }

  get draw() {
    return this.source.draw;
  }

  /** A message of some kind, one that may be sent. @param {(bytes: Buffer) => boolean} may @returns {Step} */
  any(type = this.rpc.input, may = this.judge.may) {
    for (let attempts = 0; attempts < 50; attempts++) {
      const kind = anyKind(this.draw);
      const bytes = /** @type {import("./damage.mjs").Kind} */ (kinds[kind])(this.source, type);
      if (!may(bytes)) continue;
      this.used.push(kind);
      return { send: bytes };
    }
    this.used.push("endlessInteger");
    return { send: Buffer.alloc(11, 0xff) };
  }

  /** Up to so many: what is not taken ends a stream, so only the last one often is such. @param {number} most @returns {Step[]} */
  several(most) {
    const first = Array.from({ length: Math.floor(this.draw() * most) }, () => this.#taken());
    return [...first, this.any()];
  }

  /** @returns {Step} */
  #taken() {
    const { may, isRequest } = this.judge;
    for (let attempts = 0; attempts < 10; attempts++) {
      const kind = this.draw() < 0.7 ? "sensible" : "strange";
      const bytes = /** @type {import("./damage.mjs").Kind} */ (kinds[kind])(this.source, this.rpc.input);
      if (!may(bytes) || !isRequest(bytes)) continue;
      this.used.push(kind);
      return { send: bytes };
    }
    return this.any();
  }

  /** Whether the RPC's stream opens with a hello. */
  get greets() {
    const fields = this.source.served.types.get(this.rpc.input)?.fields ?? [];
    return fields.some(({ name, number }) => name === "hello" && number === helloId);
  }

  /** What such a stream opens with; the same bytes to an acceptor and to a leader. @returns {Step[]} */
  hello() {
    if (!this.greets) return [];
    const { clusterId, members } = this.cluster;
    const role = pick(this.draw, /** @type {const} */ (["leader", "leader", "replica"]));
    const id = this.draw() < 0.95 ? `stranger-${Math.floor(this.draw() * 5)}` : pick(this.draw, members);
    const hello = {
      kind: /** @type {const} */ ("hello"),
      clusterId,
      id,
      role,
      oldestVersion: 2,
      newestVersion: 2,
    };
    return [{ send: Buffer.from(toLeader.encode({ ...hello, slotOut: 1, configurations: [] })) }];
  }
}

/** Calls with one request. @type {Record<string, Form>} */
const withOne = {
  one: (drawn) => [drawn.any(), "end"],
  none: () => ["end"],
  two: (drawn) => [drawn.any(), drawn.any(), "end"],
  "cancelled at once": (drawn) => [drawn.any(), "end", "cancel"],
  "cancelled midway": (drawn) => [drawn.any(), "end", { rest: 5 }, "cancel"],
  "never read": (drawn) => ["stop reading", drawn.any(), "end", { rest: 200 }, "cancel"],
};

/** Streams of requests. @type {Record<string, Form>} */
const withMany = {
  "in order": (drawn) => [...drawn.hello(), ...drawn.several(8), "end"],
  "nothing at all": () => ["end"],
  "held open": (drawn) => [...drawn.hello(), ...drawn.several(3), { rest: 300 }, "cancel"],
  "cancelled midway": (drawn) => [...drawn.hello(), ...drawn.several(4), { rest: 5 }, "cancel"],
  "never read": (drawn) => ["stop reading", ...drawn.hello(), ...drawn.several(30), { rest: 200 }, "cancel"],
  "wrong direction": (drawn) => [...drawn.hello(), drawn.any(drawn.rpc.output), "end"],
};

/** Streams that open with a hello, and here do not. @type {Record<string, Form>} */
const withoutHello = {
  // Whatever it says: before a hello nobody has said it.
  "no hello": (drawn) => [drawn.any(drawn.rpc.input, saysNoHello), "end"],
  "late hello": (drawn) => [
    drawn.any(drawn.rpc.input, saysNoHello),
    ...drawn.hello(),
    ...drawn.several(2),
    "end",
  ],
  "two hellos": (drawn) => [...drawn.hello(), ...drawn.hello(), ...drawn.several(2), "end"],
  silent: () => [{ rest: 3_000 }],
};

/** @param {Buffer} bytes */
function saysNoHello(bytes) {
  return !isHello(bytes);
}

const metadataWords = [
  "",
  "1.0",
  "2.0",
  "0.0",
  "no name",
  "0",
  "1",
  "2",
  "-1",
  "9007199254740992",
  "1e3",
  "stale",
];

/** Metadata that means something to a replica, or should not. @param {() => number} draw @returns {[string, string][]} */
function someMetadata(draw) {
  return ["synod-client-id", "synod-sequence", "synod-acknowledged", "synod-read"]
    .filter(() => draw() < 0.15)
    .map((key) => [key, pick(draw, metadataWords)]);
}

/** @param {Drawn} drawn @returns {Play} */
export function somePlay(drawn) {
  const { draw, rpc } = drawn;
  const forms = rpc.requestStream ? { ...withMany, ...(drawn.greets ? withoutHello : {}) } : withOne;
  const usual = rpc.requestStream ? "in order" : "one";
  // The silent ones take seconds each.
  const others = Object.keys(forms).filter((form) => form !== "silent" || draw() < 0.1);
  const form = draw() < 0.5 ? usual : pick(draw, others);
  const steps = /** @type {Form} */ (forms[form])(drawn);
  return { form, kinds: drawn.used, steps, metadata: someMetadata(draw) };
}

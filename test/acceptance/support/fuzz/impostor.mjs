// A member that others dial and that answers with anything: what comes back on a stream is as little to be trusted as what
// comes in.
import http2 from "node:http2";
import { fromAcceptor, fromLeader } from "@synod/wire";
import { pick, random } from "../flags.mjs";
import { noise } from "./bytes.mjs";
import { anyKind, kinds } from "./damage.mjs";
import { Messages } from "./messages.mjs";

/**
 * @typedef {import("@synod/core").AcceptorMember} AcceptorMember
 * @typedef {{ id: string, role: "acceptor" | "leader" | "replica", address: string, store?: string | undefined }} Played
 */

const mostMessages = 12;
const heldMs = 400;
/** Of the decisions that were drawn; a replica that hears of two for one slot stops, as it should. */
const decisionsTold = 0.02;

/** gRPC over HTTP/2 by hand, because servers of a library refuse to send what is wrong. */
export class Impostor {
  #draw;
  #played;
  #clusterId;
  #served;
  #messages;
  #server = http2.createServer();
  /** @type {Set<http2.ServerHttp2Session>} */
  #sessions = new Set();
  /** @type {Map<string, number>} messages sent, by the RPC they answered */
  sent = new Map();

  /**
   * @param {number} seed
   * @param {Played} played
   * @param {string} clusterId
   * @param {import("./rpcs.mjs").Served} served what members of this kind serve
   * @param {import("./messages.mjs").Words} words
   */
  constructor(seed, played, clusterId, served, words) {
    this.#draw = random(seed);
    this.#played = played;
    this.#clusterId = clusterId;
    this.#served = served;
    this.#messages = new Messages(this.#draw, served, words);
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {});
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => this.#answer(stream, String(headers[":path"])));
  }

  /** @returns {Promise<void>} */
  listen() {
    const [host = "", port = ""] = this.#played.address.split(":");
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen(Number(port), host, () => resolve());
    });
  }

  close() {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }

  /** @param {http2.ServerHttp2Stream} stream @param {string} path */
  #answer(stream, path) {
    const draw = this.#draw;
    stream.on("error", () => {});
    stream.resume();
    stream.on("wantTrailers", () => {
      if (!stream.closed)
        stream.sendTrailers({ "grpc-status": String(pick(draw, [0, 2, 5, 9, 13, 14, 99, -1])) });
    });
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    const rpc = this.#served.rpcs.find((each) => each.path === path);
    const messages = rpc ? this.#conversation(rpc) : [];
    for (const message of messages) stream.write(this.#framed(message));
    this.sent.set(path, (this.sent.get(path) ?? 0) + messages.length);
    const leave = pick(draw, [
      () => stream.end(),
      () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
      () => stream.session?.destroy(),
    ]);
    setTimeout(leave, draw() * heldMs).unref();
  }

  /** @param {import("./rpcs.mjs").Rpc} rpc */
  #conversation({ requestStream, output }) {
    const draw = this.#draw;
    const hello = requestStream && draw() < 0.9 ? [this.#hello()] : [];
    const several = Array.from({ length: Math.ceil(draw() * mostMessages) }, () => {
      const kind = draw() < 0.6 ? "sensible" : anyKind(draw);
      const source = { draw, messages: this.#messages, served: this.#served };
      return /** @type {import("./damage.mjs").Kind} */ (kinds[kind])(source, output);
    });
    return [...hello, ...several.filter((message) => !isDecision(message) || draw() < decisionsTold)];
  }

  #hello() {
    const { id, role, store } = this.#played;
    const hello = {
      ...{ kind: /** @type {const} */ ("hello"), clusterId: this.#clusterId, id, role },
      ...{ oldestVersion: 2, newestVersion: 2, slotOut: 1, configurations: [] },
    };
    return role === "acceptor"
      ? fromAcceptor.encode({ ...hello, store, startCount: Math.ceil(this.#draw() * 5) })
      : fromLeader.encode(hello);
  }

  /** Mostly as gRPC wants it: a flag, a length, the bytes. @param {Uint8Array} message */
  #framed(message) {
    const draw = this.#draw;
    if (draw() < 0.02) return noise(draw, 30);
    const head = Buffer.alloc(5);
    head[0] = draw() < 0.02 ? 1 : 0;
    head.writeUInt32BE(draw() < 0.02 ? Math.floor(draw() * 2 ** 32) : message.length, 1);
    return Buffer.concat([head, message]);
  }
}

/** @param {Buffer} message */
function isDecision(message) {
  try {
    return fromLeader.decode(message).kind === "decision";
  } catch {
    return false;
  }
}

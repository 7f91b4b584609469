// What leaders ask acceptors to accept, and what these answer, read from the bytes on their connections.
import { acceptorService } from "@synod/wire";
import { GrpcDirection } from "./http2.mjs";

/** @typedef {import("@synod/core").ToAcceptor | import("@synod/core").FromAcceptor} Told */

export class VoteWatch {
  /** All bytes that went to acceptors. */
  carried = 0;
  /** Bytes of pvalues: of those that an acceptor had not been sent before, and of copies. */
  first = 0;
  copies = 0;
  /** Votes for a pvalue that the same acceptor had voted for already. */
  doubled = 0;
  votes = 0;
  /** @type {Map<object, GrpcDirection>} */ #connections = new Map();
  /** @type {Set<string>} */ #asked = new Set();
  /** @type {Set<string>} */ #voted = new Set();

  /** @param {string} acceptor @param {object} connection @param {Buffer} bytes that a leader sent */
  sent(acceptor, connection, bytes) {
    this.carried += bytes.length;
    for (const { message } of this.#take(connection, bytes, true)) {
      const told = acceptorService.Vote.requestDeserialize(message);
      if (!("kind" in told) || told.kind !== "p2a") continue;
      const { slot, ballot } = told.pvalue;
      const copy = seenIn(this.#asked, `${acceptor} ${slot} ${JSON.stringify(ballot)}`);
      if (copy) this.copies += message.length;
      else this.first += message.length;
    }
  }

  /** @param {string} acceptor @param {object} connection @param {Buffer} bytes that an acceptor sent */
  answered(acceptor, connection, bytes) {
    for (const { message } of this.#take(connection, bytes, false)) {
      const told = acceptorService.Vote.responseDeserialize(message);
      if (!("kind" in told) || told.kind !== "p2b") continue;
      this.votes++;
      if (seenIn(this.#voted, `${acceptor} ${told.slot} ${JSON.stringify([told.asked, told.promised])}`))
        this.doubled++;
    }
  }

  /** @param {object} connection @param {Buffer} bytes @param {boolean} client */
  #take(connection, bytes, client) {
    const direction = this.#connections.get(connection) ?? new GrpcDirection({ client });
    this.#connections.set(connection, direction);
    return direction.take(bytes, 0);
  }
}

/** @param {Set<string>} seen @param {string} key */
function seenIn(seen, key) {
  const before = seen.has(key);
  seen.add(key);
  return before;
}

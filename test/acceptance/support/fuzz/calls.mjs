// Calls that send bytes as they are and tell how they ended.
import * as grpc from "@grpc/grpc-js";
import { openChannel } from "@synod/wire";

/**
 * @typedef {{ code: string, details: string, ms: number, unheard: boolean, cancelled: boolean }} Ending `unheard`: it ended
 *   at the caller's own deadline, and the process had not said a word; `cancelled`: by the caller
 */

const asIs = (/** @type {Buffer} */ bytes) => bytes;

/** One connection to a process. */
export class Connection {
  #channel;

  /** @param {string} address */
  constructor(address) {
    this.#channel = openChannel(address, grpc.credentials.createInsecure(), {
      "grpc.max_send_message_length": -1,
    });
  }

  /**
   * On the wire every call is a stream each way, whatever its kind.
   * @param {string} path @param {import("./plays.mjs").Play} play @param {number} withinMs
   * @returns {Promise<Ending>}
   */
  async play(path, { steps, metadata }, withinMs) {
    const headers = new grpc.Metadata();
    for (const [key, value] of metadata) headers.set(key, value);
    const startedAt = performance.now();
    const call = this.#channel.client.makeBidiStreamRequest(path, asIs, asIs, headers, {
      deadline: Date.now() + withinMs,
    });
    let cancelled = false;
    let over = false;
    call.on("error", () => {});
    call.on("data", () => {});
    /** @type {Promise<Ending>} */
    const ending = new Promise((resolve) => {
      call.on("status", ({ code, details }) => {
        over = true;
        resolve({
          code: grpc.status[code] ?? String(code),
          details,
          ms: Math.round(performance.now() - startedAt),
          unheard: code === grpc.status.DEADLINE_EXCEEDED && details.startsWith("Deadline exceeded after"),
          cancelled,
        });
      });
    });
    for (const step of steps) {
      if (over) break;
      if (step === "end") call.end();
      else if (step === "cancel") {
        cancelled = true;
        call.cancel();
      } else if (step === "stop reading") call.pause();
      else if ("send" in step) call.write(step.send);
      else await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, step.rest))]);
    }
    return ending;
  }

  close() {
    this.#channel.close(true);
  }
}

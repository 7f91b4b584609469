// Links from one member to others that can be cut: in its own cluster file each of the others has the address of a proxy.
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";

const host = "127.0.0.1";

export class BreakableLinks {
  /** @type {import("node:net").Server[]} */ #servers = [];
  /** @type {Set<import("node:net").Socket>} */ #sockets = new Set();
  /** Bytes that came to the member so far. */
  bytes = 0;

  /**
   * Stands between a member and others from its next start on.
   * @param {import("./processes.mjs").Processes} processes @param {string} from @param {string[]} others
   */
  static async between(processes, from, others) {
    const links = new BreakableLinks();
    const { plan } = processes;
    const file = JSON.parse(readFileSync(plan.clusterFile, "utf8"));
    for (const id of others) {
      const { address, port } = processes.member(id);
      const proxy = await links.#listen(port);
      for (const list of ["acceptors", "leaders", "replicas"])
        for (const member of file[list]) if (member.address === address) member.address = proxy;
    }
    const cluster = path.join(plan.directory, `${from}-sees.json`);
    writeFileSync(cluster, JSON.stringify(file));
    const { config } = processes.member(from);
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), cluster }));
    return links;
  }

  /** Every connection breaks; new ones may be made. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    this.cut();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** @param {number} port @returns {Promise<string>} */
  #listen(port) {
    const server = createServer((dialer) => {
      const listener = connect(port, host);
      this.#mind(dialer, listener);
      this.#mind(listener, dialer);
      listener.on("data", (bytes) => {
        this.bytes += bytes.length;
      });
      dialer.pipe(listener);
      listener.pipe(dialer);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, host, () => {
        const address = server.address();
        if (address !== null && typeof address === "object") resolve(`${host}:${address.port}`);
      });
    });
  }

  /** @param {import("node:net").Socket} socket @param {import("node:net").Socket} other ends with it */
  #mind(socket, other) {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {}); // its end is told by "close"
    socket.once("close", () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }
}

// The network between members, as each of them sees it: in its own cluster file every other one has the address of a proxy
// that stands between these two alone, so that any pair can be cut, in one direction or both, or slowed down.
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { Way } from "./way.mjs";

/** @typedef {import("../acceptance/support/processes.mjs").Processes} Processes */

const host = "127.0.0.1";
const lists = ["acceptors", "leaders", "replicas"];

export class Network {
  /** By "from to". @type {Map<string, Way>} */ #ways = new Map();
  /** @type {import("node:net").Server[]} */ #servers = [];
  /** @type {Set<import("node:net").Socket>} */ #sockets = new Set();

  /** Stands between all members from their next start on. @param {Processes} processes */
  static async between(processes) {
    const network = new Network();
    const members = processes.plan.members;
    for (const { id: from } of members)
      for (const { id: to } of members) if (from !== to) network.#ways.set(`${from} ${to}`, new Way());
    for (const from of members) {
      /** @type {Map<string, string>} */
      const addresses = new Map();
      for (const to of members)
        if (to !== from) addresses.set(to.id, await network.#listen(from.id, to.id, to.port));
      giveView(processes, from, addresses);
    }
    return network;
  }

  /** Bytes from one to the other stop or pass again. @param {string} from @param {string} to @param {boolean} held */
  hold(from, to, held) {
    this.#way(from, to).hold(held);
  }

  /** @param {string} from @param {string} to @param {number} delayMs */
  delay(from, to, delayMs) {
    this.#way(from, to).delay(delayMs);
  }

  /** Each connection carries so many bytes a second in this direction. @param {string} from @param {string} to @param {number} bytesPerSecond */
  limit(from, to, bytesPerSecond) {
    this.#way(from, to).limit(bytesPerSecond);
  }

  /** @param {string} from @param {string} to @param {(connection: object, bytes: Buffer) => void} watch told of all that arrives */
  watch(from, to, watch) {
    this.#way(from, to).watch = watch;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** @param {string} from @param {string} to */
  #way(from, to) {
    const way = this.#ways.get(`${from} ${to}`);
    if (!way) throw new Error(`there is no way from ${from} to ${to}`);
    return way;
  }

  /** A proxy for connections that the one opens to the other. @param {string} from @param {string} to @param {number} port @returns {Promise<string>} */
  #listen(from, to, port) {
    const server = createServer((dialer) => this.#join(dialer, from, to, port));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, host, () => {
        const address = server.address();
        if (address !== null && typeof address === "object") resolve(`${host}:${address.port}`);
      });
    });
  }

  /** @param {import("node:net").Socket} dialer @param {string} from @param {string} to @param {number} port */
  #join(dialer, from, to, port) {
    this.#mind(dialer);
    /** @type {import("node:net").Socket | undefined} */
    let listener;
    // Whoever dials speaks first. The other one is connected when that gets through, and not before.
    const reached = () => {
      if (listener === undefined) {
        listener = this.#mind(connect(port, host));
        this.#way(to, from).carry(listener, () => dialer);
      }
      return listener;
    };
    this.#way(from, to).carry(dialer, reached);
  }

  /** @param {import("node:net").Socket} socket */
  #mind(socket) {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => this.#sockets.delete(socket));
    // Its end is told by "close".
    socket.on("error", () => {});
    return socket;
  }
}

/**
 * @param {Processes} processes @param {import("@synod/cli").PlannedMember} member
 * @param {ReadonlyMap<string, string>} addresses of the others
 */
function giveView({ plan }, { id, config }, addresses) {
  const file = JSON.parse(readFileSync(plan.clusterFile, "utf8"));
  for (const list of lists)
    for (const member of file[list]) member.address = addresses.get(member.id) ?? member.address;
  const cluster = path.join(plan.directory, `${id}-sees.json`);
  writeFileSync(cluster, JSON.stringify(file));
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), cluster }));
}

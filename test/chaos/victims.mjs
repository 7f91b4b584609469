// Who may be disturbed at a time, so that a majority of acceptors, one leader and one replica are left alone.
import { pick } from "../acceptance/support/flags.mjs";

/** @typedef {import("@synod/cli").RoleName} Role */

const most = { acceptor: 1, leader: 2, replica: 2 };

export class Victims {
  /** @type {Map<string, Role>} */ #free = new Map();
  /** @type {Map<string, Role>} */ #taken = new Map();
  #draw;

  /** @param {readonly import("@synod/cli").PlannedMember[]} members @param {() => number} draw */
  constructor(members, draw) {
    for (const { id, role } of members) this.#free.set(id, role);
    this.#draw = draw;
  }

  /** One of these roles, until it is given back; undefined when none is left to take. @param {readonly Role[]} roles */
  take(roles) {
    const open = roles.filter(
      (role) =>
        [...this.#taken.values()].filter((one) => one === role).length < most[role] &&
        [...this.#free.values()].includes(role),
    );
    if (open.length === 0) return undefined;
    const role = pick(this.#draw, open);
    const id = pick(
      this.#draw,
      [...this.#free].filter(([, its]) => its === role).map(([id]) => id),
    );
    this.#free.delete(id);
    this.#taken.set(id, role);
    return id;
  }

  /** @param {string} id */
  giveBack(id) {
    const role = this.#taken.get(id);
    if (role === undefined) throw new Error(`${id} was not taken`);
    this.#taken.delete(id);
    this.#free.set(id, role);
  }
}

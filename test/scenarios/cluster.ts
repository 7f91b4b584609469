import {
  Acceptor,
  defaultLimits,
  describeBallot,
  describeLeader,
  describeMessage,
  describeRecord,
  describeReplica,
  describeValue,
  type Genesis,
  Leader,
  type Limits,
  type Message,
  type Output,
  type Peer,
  Replica,
  type Role,
  type Value,
} from "@synod/core";
import { acceptorMember, command, encodeBatch, newDisk, type ScenarioNode, storeOf } from "./node.js";

const smallLimits = {
  ...defaultLimits,
  ...{ delayTicks: 1, resendTicks: 25, maxOutstandingProposals: 2, maxPageSlots: 2 },
};
const roles: readonly (readonly [string, Role])[] = [
  ["acceptors", "acceptor"],
  ["leaders", "leader"],
  ["replicas", "replica"],
];

/** The real core, moved by hand: what a scenario file says happens, in its order, and nothing else. */
export class ScenarioCluster {
  readonly #nodes = new Map<string, ScenarioNode>();
  readonly #links = new Map<string, Message[]>();
  readonly #genesis: Genesis;
  readonly #limits: Limits;
  #lines: string[] = [];

  /** `spare` acceptors run and belong to no configuration yet; `keep` decisions stay in the memory of a leader. */
  constructor(sizes: Readonly<Record<string, number>>) {
    this.#limits = { ...smallLimits, maxKeptDecisions: sizes.keep ?? smallLimits.maxKeptDecisions };
    const members = (key: string) =>
      Array.from({ length: sizes[key] ?? 1 }, (_, index) => ({
        id: `${key[0]}${index + 1}`,
        address: "host:1",
      }));
    const configuration = {
      number: 1,
      predecessor: 0,
      acceptors: members("acceptors").map(({ id }) => acceptorMember(id)),
      leaders: members("leaders"),
      replicas: members("replicas"),
    };
    this.#genesis = { window: sizes.window ?? 4, configuration };
    for (const [key, role] of roles) {
      for (const { id } of members(key)) this.#add(id, role);
    }
    for (let spare = 1; spare <= (sizes.spare ?? 0); spare++)
      this.#add(`a${configuration.acceptors.length + spare}`, "acceptor");
    this.#lines = [];
  }

  /** The lines since the last call. */
  takeLines(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** Leaves out the lines that an action gives. */
  quietly(action: () => void): void {
    const lines = this.#lines;
    this.#lines = [];
    action();
    this.#lines = lines;
  }

  start(id: string): void {
    const node = this.#node(id);
    node.starts++;
    const shared = { id, incarnation: node.starts, genesis: this.#genesis, limits: this.#limits };
    if (node.disk) {
      const store = node.disk.open({ id });
      node.store = store;
      node.role = new Acceptor({
        ...shared,
        store: store.identity.store,
        state: store.state,
        log: store,
      });
    } else if (node.peer.role === "leader") node.role = new Leader({ ...shared, random: () => 0 });
    else node.role = new Replica({ ...shared, configurations: [], slotOut: 1, encodeBatch });
  }

  crash(id: string): void {
    const node = this.#node(id);
    node.role = undefined;
    node.held = [];
    node.disk?.crash();
    for (const other of this.#nodes.keys()) {
      this.#links.delete(`${id}>${other}`);
      this.#links.delete(`${other}>${id}`);
    }
  }

  /** The directory of an acceptor that is down is lost: its next start is on an empty store with another id (rule 5). */
  lose(acceptor: string): void {
    const node = this.#node(acceptor);
    if (!node.disk || node.role) throw new Error(`${acceptor} is no acceptor that is down`);
    node.disk = newDisk(acceptor, `store-${acceptor}-new`);
  }

  connect(a: string, b: string): void {
    for (const [to, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#step(to, { kind: "connected", peer: this.#node(peer).peer, slotOut: 0, configurations: [] });
    }
  }

  connectAll(): void {
    const pairs: readonly (readonly [Role, Role])[] = [
      ["leader", "acceptor"],
      ["replica", "leader"],
    ];
    for (const [dialer, dialed] of pairs) {
      for (const a of this.#withRole(dialer)) for (const b of this.#withRole(dialed)) this.connect(a, b);
    }
  }

  /** Both ends see that the connection is gone; without `b`, all that `a` had. */
  disconnect(a: string, b?: string): void {
    if (b === undefined) {
      const { role } = this.#node(a).peer;
      for (const { peer } of this.#nodes.values())
        if (peer.id !== a && (role === "leader" || peer.role === "leader")) this.disconnect(a, peer.id);
      return;
    }
    this.#step(a, { kind: "disconnected", peer: this.#node(b).peer });
    this.#step(b, { kind: "disconnected", peer: this.#node(a).peer });
  }

  tick(id: string, count: number): void {
    for (let tick = 0; tick < count; tick++) this.#step(id, { kind: "tick" });
  }

  request(replica: string, names: readonly string[]): void {
    this.#step(replica, { kind: "requests", commands: names.map(command) });
  }

  /** A replica sends a leader the proposal of a configuration with these acceptors (rule 22). */
  reconfigure(replica: string, leader: string, acceptors: readonly string[]): void {
    const { number, ...rest } = this.#genesis.configuration;
    const value: Value = {
      kind: "configuration",
      proposal: { replica, incarnation: 0, number: 1 },
      configuration: {
        ...rest,
        number: number + 1,
        predecessor: number,
        acceptors: acceptors.map(acceptorMember),
      },
    };
    this.#send(this.#node(replica), this.#node(leader).peer, {
      kind: "propose",
      slot: 1,
      value,
      forwarded: false,
    });
  }

  /** A majority of the replicas has everything below on disk, this one learns (rule 18). */
  trimPoint(replica: string, below: number): void {
    this.#step(replica, { kind: "trim-point", below });
  }

  /** The state of one replica takes the place of another's (rule 19). */
  snapshot(from: string, to: string): void {
    const { role } = this.#node(from);
    if (!(role instanceof Replica)) throw new Error(`${from} is no replica that runs`);
    const { slotOut, configurations } = role;
    this.#note(`    ${to} takes in the state of ${from} before slot ${slotOut}`);
    this.#step(to, { kind: "installed", slotOut, configurations });
  }

  /** Delivers what waits on a link; at most `count`. */
  deliver(from: string, to: string, count = Number.POSITIVE_INFINITY): void {
    const link = this.#links.get(`${from}>${to}`) ?? [];
    for (const message of link.splice(0, count)) this.#receive(from, to, message);
  }

  drop(from: string, to: string): void {
    for (const message of this.#links.get(`${from}>${to}`)?.splice(0) ?? [])
      this.#note(`lost ${from} → ${to} ${describeMessage(message)}`);
  }

  /** Every message on a link is under way a second time, behind the first ones. */
  double(from: string, to: string): void {
    const link = this.#links.get(`${from}>${to}`) ?? [];
    link.push(...link);
  }

  /** Delivers everything, link by link, until nothing is under way. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [link, waiting] of [...this.#links].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const [from, to] = link.split(">") as [string, string];
        if (waiting.length > 0) moved = true;
        this.deliver(from, to);
      }
    }
  }

  hold(acceptor: string): void {
    this.#node(acceptor).holding = true;
  }

  sync(acceptor: string): void {
    const node = this.#node(acceptor);
    node.holding = false;
    this.#flush(node);
  }

  status(id: string): void {
    const { role } = this.#node(id);
    if (role instanceof Acceptor) {
      const { promised, highestSlot, trimmedBelow } = role.status();
      const trimmed = trimmedBelow > 1 ? ` trimmed below ${trimmedBelow}` : "";
      this.#note(`${id} promised ${describeBallot(promised)} highest slot ${highestSlot}${trimmed}`);
    } else if (role instanceof Leader) this.#note(`${id} ${describeLeader(role.status())}`);
    else if (role instanceof Replica) this.#note(`${id} ${describeReplica(role.status())}`);
    else this.#note(`${id} is down`);
  }

  #add(id: string, role: Role): void {
    const disk = role === "acceptor" ? newDisk(id, storeOf(id)) : undefined;
    this.#nodes.set(id, {
      peer: { role, id },
      disk,
      store: undefined,
      role: undefined,
      starts: 0,
      holding: false,
      held: [],
    });
    this.start(id);
  }

  #receive(from: string, to: string, message: Message): void {
    this.#note(`${from} → ${to} ${describeMessage(message)}`);
    this.#step(to, { kind: "message", from: this.#node(from).peer, message });
  }

  #step(id: string, input: object): void {
    const node = this.#node(id);
    if (!node.role) return;
    for (const output of node.role.step(input as never)) this.#carryOut(node, output);
    if (!node.holding) this.#flush(node);
  }

  #flush(node: ScenarioNode): void {
    void node.store?.commit();
    node.disk?.release();
    for (const { to, message } of node.held.splice(0)) this.#send(node, to, message);
  }

  #carryOut(node: ScenarioNode, output: Output): void {
    const { id } = node.peer;
    if (output.kind === "persist") {
      node.store?.write(output.record);
      this.#note(`    ${id} writes ${describeRecord(output.record)}`);
    } else if (output.kind === "apply")
      this.#note(`    ${id} applies ${output.slot} ${describeValue(output.value)}`);
    else if (output.kind === "jumped-over")
      this.#note(`    ${id} will not apply ${describeValue(output.value)}, which a snapshot brought`);
    else if (output.kind === "refuse")
      this.#note(`    ${id} refuses ${output.command.clientId}: ${output.reason}`);
    else if (output.kind === "withdrawn")
      this.#note(`    ${id} takes back ${output.commands.map(({ clientId }) => clientId).join(", ")}`);
    else if (output.kind === "send-durable") node.held.push(output);
    else this.#send(node, output.to, output.message);
  }

  #send(node: ScenarioNode, to: Peer, message: Message): void {
    if (!this.#nodes.get(to.id)?.role) return;
    const link = `${node.peer.id}>${to.id}`;
    this.#links.set(link, [...(this.#links.get(link) ?? []), message]);
  }

  #withRole(role: Role): string[] {
    return [...this.#nodes.values()].filter((node) => node.peer.role === role).map((node) => node.peer.id);
  }

  #node(id: string): ScenarioNode {
    const node = this.#nodes.get(id);
    if (!node) throw new Error(`no node ${id}; there are ${[...this.#nodes.keys()].join(" ")}`);
    return node;
  }

  #note(line: string): void {
    this.#lines.push(line);
  }
}

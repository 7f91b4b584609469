import type { FromLeader, Member, Peer, ReplicaInput, ToLeader } from "@synod/core";
import { type Hello, leaderService, type Scheduler } from "@synod/wire";
import type { Dial } from "../transport/dial.js";
import { connectedInput } from "../transport/hello-of.js";
import { Link, type LinkStatus } from "../transport/link.js";
import type { Loses } from "../transport/loses.js";

export interface LeaderLinksOptions {
  readonly leaders: readonly Member[];
  readonly dial: Dial;
  readonly scheduler?: Scheduler | undefined;
  readonly random?: (() => number) | undefined;
  hello(): Hello;
  readonly loses?: Loses | undefined;
  /** Hands an input to the role. False asks to read no more until `whenRoom` calls back. */
  post(input: ReplicaInput): boolean;
  whenRoom(callback: () => void): void;
}

/** A replica's streams to the leaders. */
export class LeaderLinks {
  readonly #links: ReadonlyMap<string, Link<ToLeader, FromLeader>>;
  readonly #loses: Loses | undefined;

  constructor(options: LeaderLinksOptions) {
    this.#loses = options.loses;
    this.#links = new Map(options.leaders.map((leader) => [leader.id, linkTo(leader, options)]));
  }

  start(): void {
    for (const link of this.#links.values()) link.start();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  send(leader: string, message: ToLeader): void {
    if (!this.#loses?.({ role: "leader", id: leader }, message)) this.#links.get(leader)?.send(message);
  }

  get status(): readonly LinkStatus[] {
    return [...this.#links.values()].map((link) => link.status);
  }
}

function linkTo({ id, address }: Member, options: LeaderLinksOptions): Link<ToLeader, FromLeader> {
  const { dial, scheduler, random, hello, post, whenRoom } = options;
  const peer: Peer = { role: "leader", id };
  return new Link<ToLeader, FromLeader>({
    expected: { ...peer, address },
    method: leaderService.Attach,
    ...{ dial, scheduler, random, hello, whenRoom },
    onConnected: (theirs) => post(connectedInput(peer, theirs)),
    onDisconnected: () => post({ kind: "disconnected", peer }),
    onMessage: (message) => post({ kind: "message", from: peer, message }),
  });
}

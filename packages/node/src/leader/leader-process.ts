import {
  type FromLeader,
  type Genesis,
  Leader,
  type LeaderInput,
  type Limits,
  type Message,
  type Peer,
  type ToAcceptor,
  type ToLeader,
} from "@synod/core";
import { type Hello, leaderService, type PeerStatus, type Scheduler, serviceLoop } from "@synod/wire";
import { Driver } from "../driver.js";
import type { HostLogger } from "../process/host.js";
import { Attachments, type ServerStream } from "../transport/attachments.js";
import type { Dial } from "../transport/dial.js";
import { connectedInput, helloOf } from "../transport/hello-of.js";
import { Link } from "../transport/link.js";
import type { Loses } from "../transport/loses.js";
import { inputBytes } from "../transport/message-bytes.js";
import { AcceptorLinks } from "./acceptor-links.js";
import { contradictionText, quorumProblem } from "./quorum-text.js";

export interface LeaderProcessOptions {
  readonly id: string;
  readonly clusterId: string;
  readonly genesis: Genesis;
  readonly limits: Limits;
  /** Differs at every start. */
  readonly incarnation: number;
  readonly dial: Dial;
  readonly logger: HostLogger;
  readonly random: () => number;
  readonly scheduler?: Scheduler | undefined;
  /** True when the message belongs to somebody here and not to a peer on a stream. */
  readonly deliver?: ((to: Peer, message: Message) => boolean) | undefined;
  readonly loses?: Loses | undefined;
  /** The process must end with this exit code, at once. */
  onFatal(code: number, error: unknown): void;
}

const claimsCheckMs = 500;

/** A leader without its server: the role under its driver, streams to acceptors and fellow leaders, and those of replicas. */
export class LeaderProcess {
  readonly role: Leader;
  readonly #options: LeaderProcessOptions;
  readonly #driver: Driver<LeaderInput>;
  readonly #acceptors = new Map<string, AcceptorLinks>();
  readonly #fellows = new Map<string, Link<ToLeader, FromLeader>>();
  readonly #attached: Attachments<FromLeader, ToLeader>;
  #stopClaimsWatch: (() => void) | undefined;
  /** Those who contradict the acceptors, as last told to the log. */
  #contradicted = "";

  constructor(options: LeaderProcessOptions) {
    this.#options = options;
    const { id, genesis, limits, logger, incarnation, random, scheduler } = options;
    this.role = new Leader({ id, incarnation, genesis, limits, random });
    this.#driver = new Driver<LeaderInput>({
      ...{ role: this.role, tickMs: limits.tickMs, logger, bytesOf: inputBytes, scheduler },
      send: (to, message) => this.#send(to, message),
      onFatal: (code, error) => options.onFatal(code, error),
    });
    this.#attached = new Attachments<FromLeader, ToLeader>({
      method: "synod.v1.Leader/Attach",
      accepts: ["replica", "leader"],
      hello: () => this.#hello(),
      scheduler,
      onConnected: (peer, hello) => this.post(connectedInput(peer, hello)),
      onDisconnected: (peer) => this.post({ kind: "disconnected", peer }),
      onMessage: (from, message) => this.post({ kind: "message", from, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
    const { acceptors, leaders, number } = genesis.configuration;
    for (const acceptor of acceptors) this.#acceptors.set(acceptor.id, this.#acceptorLinks(acceptor, number));
    for (const fellow of leaders)
      if (fellow.id !== id) this.#fellows.set(fellow.id, this.#fellowLink(fellow.id, fellow.address));
  }

  start(): void {
    this.#driver.start();
    const { scheduler = serviceLoop } = this.#options;
    this.#stopClaimsWatch = scheduler.every(claimsCheckMs, () => this.#watchClaims());
    for (const links of this.#acceptors.values()) links.start();
    for (const link of this.#fellows.values()) link.start();
  }

  /** Serves a stream that a replica or another leader opened. */
  serve(stream: ServerStream<FromLeader, ToLeader>): void {
    this.#attached.serve(stream);
  }

  /** Hands an input to the role. False asks for no more until the driver has room. */
  post(input: LeaderInput): boolean {
    return this.#driver.post(input);
  }

  get problem(): string {
    return this.obstacle || contradictionText(this.role.status());
  }

  /** The reason why it could not lead; empty when it could. */
  get obstacle(): string {
    const { unreachable, phase, contradicted } = this.role.status();
    if (contradicted.length > 0 && phase !== "active") return contradictionText({ phase, contradicted });
    const unfit = [...this.#acceptors].filter(([, links]) => !links.fit).map(([id]) => id);
    return quorumProblem([...this.#acceptors.keys()], [...unreachable, ...unfit]);
  }

  get peers(): readonly PeerStatus[] {
    const acceptors = [...this.#acceptors.values()].map(({ status }) => status);
    const fellows = [...this.#fellows.values()].map((link) => link.status);
    const replicas = this.#attached
      .peers()
      .filter(({ peer }) => peer.role === "replica")
      .map(({ peer, address }) => ({ ...peer, address, connected: true, problem: "" }));
    return [...acceptors, ...fellows, ...replicas];
  }

  /** Ends the streams; `stop` follows. */
  disconnect(): void {
    this.#stopClaimsWatch?.();
    for (const links of this.#acceptors.values()) links.close();
    for (const link of this.#fellows.values()) link.close();
    this.#attached.close();
  }

  /** Resolves when everything that was posted is done. */
  stop(): Promise<void> {
    return this.#driver.stop();
  }

  /** Tells the log once of each who claims what the acceptors know nothing of. */
  #watchClaims(): void {
    const state = this.role.status();
    const { contradicted } = state;
    const names = contradicted.map(({ peer }) => peer.id).join();
    if (names !== this.#contradicted && names !== "")
      this.#options.logger.warn({ contradicted }, contradictionText(state));
    this.#contradicted = names;
  }

  #hello(): Hello {
    return helloOf(this.#options, { role: "leader", configurations: [], slotOut: this.role.slotOut });
  }

  #acceptorLinks(
    acceptor: Genesis["configuration"]["acceptors"][number],
    configuration: number,
  ): AcceptorLinks {
    const { dial, scheduler, random, logger } = this.#options;
    return new AcceptorLinks({
      ...{ acceptor, configuration, dial, scheduler, random },
      hello: () => this.#hello(),
      post: (input) => this.post(input),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
      warn: (fields, text) => logger.warn(fields, text),
    });
  }

  #fellowLink(id: string, address: string): Link<ToLeader, FromLeader> {
    const peer: Peer = { role: "leader", id };
    const { dial, scheduler, random } = this.#options;
    return new Link<ToLeader, FromLeader>({
      expected: { ...peer, address },
      method: leaderService.Attach,
      ...{ dial, scheduler, random },
      hello: () => this.#hello(),
      onConnected: (hello) => this.post(connectedInput(peer, hello)),
      onDisconnected: () => this.post({ kind: "disconnected", peer }),
      onMessage: (message) => this.post({ kind: "message", from: peer, message }),
      whenRoom: (callback) => this.#driver.whenRoom(callback),
    });
  }

  #send(to: Peer, message: Message): void {
    const { deliver, loses } = this.#options;
    if (deliver?.(to, message) || loses?.(to, message)) return;
    switch (message.kind) {
      case "heartbeat":
      case "pre-vote":
      case "p1a":
      case "p2a":
      case "trim":
        this.#acceptors.get(to.id)?.send(message as ToAcceptor);
        return;
      case "propose":
      case "question":
      case "ping":
      case "replica-status":
        this.#fellows.get(to.id)?.send(message);
        return;
      default:
        this.#attached.send(to, message as FromLeader);
    }
  }
}

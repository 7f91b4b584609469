import {
  Acceptor,
  type AcceptorInput,
  type AcceptorRecord,
  Leader,
  type LeaderInput,
  type Message,
  type Output,
  type Peer,
  type ReplicaInput,
  type Tick,
} from "@synod/core";
import { AcceptorProcess, Driver, type Journal, LeaderProcess, type ServerStream } from "@synod/node/parts";
import type { AcceptorStore } from "@synod/storage";
import type { Machine } from "./machine.js";
import { clusterId } from "./services.js";

export type AnyInput = AcceptorInput | LeaderInput | ReplicaInput;

/** A process: it begins, and something comes in. */
export interface Running {
  start(): void;
  post(input: AnyInput): void;
  serve?(stream: ServerStream<never, never>): void;
  /** The members that a leader talks to, or should. */
  readonly peers?: readonly Peer[];
}

export interface RoleProcess<Role> {
  readonly role: Role;
  readonly running: Running;
}

/** An acceptor's process as it ships in worlds of streams; in others its role under a driver. */
export function acceptorProcess(machine: Machine, store: AcceptorStore): RoleProcess<Acceptor> {
  const { id, genesis } = machine;
  const { limits, streams } = machine.options;
  const journal: Journal = {
    write: (record: AcceptorRecord) => {
      machine.writes(record);
      store.write(record);
    },
    commit: () => store.commit(),
  };
  if (streams) {
    const options = { id, clusterId, limits, store, genesis, journal, ...shippedOptions(machine) };
    const process = new AcceptorProcess(options);
    return { role: process.role, running: process as Running };
  }
  const { identity, state } = store;
  const role = new Acceptor({ id, limits, log: store, store: identity.store, state });
  return { role, running: driven(machine, role as never, journal) };
}

/** A leader's process as it ships in worlds of streams; in others its role under a driver. */
export function leaderProcess(machine: Machine): RoleProcess<Leader> {
  const { id, incarnation, genesis, random } = machine;
  const { limits, streams } = machine.options;
  if (streams) {
    const process = new LeaderProcess({
      ...{ id, clusterId, genesis, incarnation, limits, random, dial: machine.dial },
      ...shippedOptions(machine),
    });
    return { role: process.role, running: process as Running };
  }
  const role = new Leader({ id, incarnation, genesis, limits, random });
  return { role, running: driven(machine, role as never, undefined) };
}

/** The options that the shipped processes of acceptors and leaders share. */
function shippedOptions(machine: Machine) {
  const { logs } = machine;
  return {
    logger: { debug: () => {}, info: logs, warn: logs, error: logs },
    scheduler: machine.timers,
    loses: (to: Peer, message: Message) => machine.loses(to, message),
    onFatal: (code: number, error: unknown) => machine.ends(code, error),
  };
}

function driven(
  machine: Machine,
  role: { step(input: AnyInput | Tick): Output[] },
  journal: Journal | undefined,
): Running {
  return new Driver<AnyInput>({
    ...{ role, journal, tickMs: machine.options.limits.tickMs },
    logger: { debug: () => {}, error: () => {} },
    scheduler: machine.timers,
    send: (to, message) => machine.send(to, message),
    onFatal: (code, error) => machine.ends(code, error),
  });
}

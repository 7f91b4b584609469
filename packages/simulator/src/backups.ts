import type { Command } from "@synod/core";
import {
  advanceTimeMethod,
  Engine,
  MemoryMap,
  openedSession,
  openSessionMethod,
  RestoredRows,
  StateContents,
  type StateRow,
  systemService,
} from "@synod/state-machine";
import { StoreError } from "@synod/storage";
import { configurationCodec, replicaService, type SnapshotPage, type SnapshotRequest } from "@synod/wire";
import { type Cluster, pick } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { boundsOf, clusterId, servicesBeside } from "./services.js";
import { Violation } from "./violation.js";

/** Probability per tick that somebody begins to save the state of a replica. */
const rate = 0.004;
const patienceMs = 20_000;
const restoredId = "5e57025ed0000000000000000000c1u57";

/** The state of a replica as a backup has it. */
interface Backup {
  readonly slot: number;
  readonly rows: readonly StateRow[];
}

/**
 * Somebody saves the state of a replica now and then, and makes a new cluster of it: the state is that of its slot, nothing
 * acknowledged before is missing, and the new cluster has all of the users' and nothing of the old members.
 */
export class Backups {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  tick(): void {
    const { replicas, streams } = this.#cluster;
    if (streams.backups() >= rate) return;
    const node = pick(streams.backups, replicas);
    if (node.up && !node.paused) this.#save(node);
  }

  /** First something is decided through this replica: it has all then that was acknowledged until now. */
  #save(node: SimulatedNode): void {
    const { process } = node;
    if (!process) return;
    const command = process.commands.make(advanceTimeMethod);
    process.requests.submit([command], "operator", patienceMs, (_, { status, slot }) => {
      if (status !== 0) return;
      this.#cluster.trace.count("backup begun");
      void this.#take(node, slot - 1).catch((error: unknown) => this.#cluster.fail(error));
    });
  }

  async #take(node: SimulatedNode, above: number): Promise<void> {
    const backup = await this.#pagesOf(node, above);
    if (backup === undefined) return;
    const { slot, rows } = backup;
    this.#cluster.trace.count("backup");
    this.#cluster.note(`a backup of slot ${slot} is taken from ${node.peer.id}`);
    if (slot <= above)
      throw new Violation(`a backup is of slot ${slot}; slot ${above + 1} was decided before it was begun`);
    const { state, engine, commands } = this.#executed(slot);
    expectRows(`the backup of slot ${slot}`, rows, rowsOf(state));
    const contents = new StateContents();
    contents.add(rows);
    const { revision, logTimeMs } = contents.applied(slot);
    expectAlike(
      "what the backup says of itself",
      { revision, logTimeMs, sessions: contents.sessions, versions: versionsOf(contents) },
      {
        ...{ revision: engine.revision, logTimeMs: engine.logTimeMs, sessions: engine.sessions },
        versions: [...engine.system.versions.all].sort(),
      },
    );
    this.#restore(backup, engine, commands);
  }

  /** Undefined when the replica does not give its state, or ends meanwhile. */
  async #pagesOf(node: SimulatedNode, above: number): Promise<Backup | undefined> {
    const { process, life } = node;
    if (!process) return undefined;
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
      replicaService.Snapshot;
    const gone = () => !node.up || node.life !== life;
    const request = requestSerialize({ clusterId, above, resume: undefined, member: "" });
    const rows: StateRow[] = [];
    try {
      for await (const page of process.sender.pages(requestDeserialize(request) as SnapshotRequest, gone)) {
        const { entries, slot, last } = responseDeserialize(responseSerialize(page)) as SnapshotPage;
        rows.push(...entries);
        if (last) return { slot, rows };
      }
    } catch (error) {
      // A process that cannot read its disk gives nothing, and ends.
      if (!(error instanceof StoreError) && (error as Error).name !== "CallError") throw error;
      this.#cluster.trace.count("backup refused");
    }
    return undefined;
  }

  /** The decided log up to a slot, executed by an engine of its own. */
  #executed(slot: number): { state: MemoryMap; engine: Engine; commands: readonly Command[] } {
    const state = new MemoryMap();
    const engine = this.#engineOn(state, clusterId);
    const commands: Command[] = [];
    for (let next = 1; next <= slot; next++) {
      const decided = this.#cluster.checker.log.decidedIn(next);
      if (decided.kind === "batch") commands.push(...decided.commands);
      engine.apply(next, decided, this.#cluster.checker.log.remedies.of(next));
    }
    return { state, engine, commands };
  }

  #engineOn(state: MemoryMap, id: string): Engine {
    const { options, checker } = this.#cluster;
    return new Engine({
      ...{ state, genesis: checker.genesis, configurationCodec, clusterId: id },
      services: servicesBeside(options),
      ...boundsOf(options),
      onHandlerError: () => {},
    });
  }

  /** Makes a new cluster of the backup, and compares the state it goes on from with the one that the old cluster goes on from. */
  #restore({ slot, rows }: Backup, old: Engine, commands: readonly Command[]): void {
    const making = new RestoredRows({ slot, clusterId: restoredId });
    const state = new MemoryMap();
    const middle = rows.length >> 1;
    for (const made of [making.next(rows.slice(0, middle)), making.next(rows.slice(middle)), making.end()])
      for (const [key, value] of made) state.put(key, value);
    const engine = this.#engineOn(state, restoredId);
    expectAlike("the state of the new cluster", usersPart(engine), usersPart(old));
    for (const command of commands.filter(({ clientId, sequence }) => clientId !== "" && sequence > 0))
      expectAlike(
        `the answer to a repeat of ${command.clientId}#${command.sequence} in the new cluster`,
        repeatedBy(engine, command),
        repeatedBy(old, command),
      );
    const { reports, foundation, versions } = engine.system;
    expectAlike(
      "what the new cluster has of the old one's members",
      {
        configurations: engine.configurations.length,
        reports: reports.latest.size,
        trimPoint: reports.trimPoint,
        checkpoints: reports.checkpoints.length,
        foundation: foundation?.runtime ?? "",
        lastSwitch: versions.lastSwitch,
      },
      { configurations: 1, reports: 0, trimPoint: 0, checkpoints: 0, foundation: "", lastSwitch: 0 },
    );
    const names = [engine, old].map((each) => this.#opened(each, slot + 1));
    if (names[0] === names[1])
      throw new Violation(`the new cluster and the old one both open session ${names[0]} after slot ${slot}`);
  }

  /** The name of the session that is opened next. */
  #opened(engine: Engine, slot: number): string {
    const opening: Command = {
      ...{ clientId: "restored", sequence: 1, acknowledged: 0 },
      ...{ service: systemService, method: openSessionMethod, request: new Uint8Array() },
    };
    const [answer] = engine.apply(slot, { kind: "batch", commands: [opening] });
    return openedSession(answer?.response ?? new Uint8Array());
  }
}

/** The figures of a state that a new cluster takes over: those of users, not of members. */
function usersPart({ revision, logTime, sessions, nextDue, stateBytes, system }: Engine) {
  const versions = [...system.versions.all].sort();
  return { revision, logTime, sessions, nextDue, stateBytes, versions, quota: system.quotaBytes };
}

/** The answer to a repeat of a command that was executed; without fields when it is not known. */
function repeatedBy(engine: Engine, command: Command): object {
  const answer = engine.answerTo(command);
  return answer === undefined
    ? {}
    : { ...answer, response: hex(answer.response), details: hex(answer.details) };
}

function versionsOf({ services }: StateContents): (readonly [string, number])[] {
  return services.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version] as const]));
}

function rowsOf(state: MemoryMap): StateRow[] {
  return [...state.range({ from: new Uint8Array() })];
}

function expectRows(what: string, found: readonly StateRow[], expected: readonly StateRow[]): void {
  const text = ([key, value]: StateRow) => `${Buffer.from(key).toString("latin1")}=${hex(value)}`;
  const [ours, theirs] = [found.map(text), expected.map(text)];
  const at = theirs.findIndex((row, index) => ours[index] !== row);
  if (at < 0 && ours.length === theirs.length) return;
  throw new Violation(`${what} has row ${at}: ${ours.at(at)}; expected ${theirs.at(at)}`);
}

function hex(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("hex");
}

function expectAlike(what: string, found: object, expected: object): void {
  const text = (value: object) => JSON.stringify(value);
  if (text(found) !== text(expected))
    throw new Violation(`${what}: expected ${text(expected)}, found ${text(found)}`);
}

import type { Command, Genesis, KeyRange, OrderedMap } from "@synod/core";
import { configurationCodec, loadServices } from "@synod/wire";
import { BoundService, type CommandMethod, type QueryMethod } from "../src/engine/service.js";
import {
  type AfterStandstill,
  type Answer,
  calculatorService,
  Engine,
  type EngineOptions,
  type HandlerError,
  keyValueService,
  lockService,
  type MethodCodec,
  openedSession,
  openSessionMethod,
  type ReplicatedService,
  systemService,
  timeLimits,
} from "../src/index.js";
import { versionKey } from "../src/state/layout.js";

/** An ordered map as plain as can be: sorts when a range is asked for. */
export class TestMap implements OrderedMap {
  readonly #entries = new Map<string, readonly [Uint8Array, Uint8Array]>();
  #sorted: string[] | undefined;

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(textOf(key))?.[1];
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    if (this.#sorted !== undefined && !this.#entries.has(text)) this.#sorted = undefined;
    this.#entries.set(text, [key, value]);
  }

  delete(key: Uint8Array): void {
    if (this.#entries.delete(textOf(key))) this.#sorted = undefined;
  }

  *range({ from, until, limit = Number.POSITIVE_INFINITY, reverse }: KeyRange) {
    this.#sorted ??= [...this.#entries.keys()].sort();
    const first = textOf(from);
    const end = until === undefined ? undefined : textOf(until);
    const keys = this.#sorted.filter((key) => key >= first && (end === undefined || key < end));
    if (reverse) keys.reverse();
    for (const key of keys.slice(0, limit)) yield this.#entries.get(key) as readonly [Uint8Array, Uint8Array];
  }

  copy(): TestMap {
    const copy = new TestMap();
    for (const [text, entry] of this.#entries) copy.#entries.set(text, entry);
    return copy;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

const kv = "synod.kv.v1.KeyValue";
const calculator = "synod.calculator.v1.Calculator";

/** How tests make requests and read responses, by service and method. */
export const codecs: Record<string, Record<string, Required<MethodCodec>>> = {};

/** A service as a replica binds it, its codecs kept for the tests. */
export function bound(service: ReplicatedService): BoundService {
  const described = loadServices(service.descriptors).services.get(service.name);
  codecs[service.name] = Object.fromEntries(described?.methods ?? []);
  return service.bind(loadServices);
}

export const builtIn: readonly BoundService[] = [keyValueService, calculatorService, lockService].map(bound);

const json: Required<MethodCodec> = {
  decodeRequest: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  decodeResponse: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  encodeRequest: (request) => Buffer.from(JSON.stringify(request)),
  encodeResponse: (response) => Buffer.from(JSON.stringify(response)),
};

type Handler = CommandMethod<object, object> | QueryMethod<object, object>;

/** A service with one method, `Do`, whose messages are JSON. */
export function serviceOf(
  method: Handler,
  name = "test.v1.Test",
  afterStandstill: AfterStandstill = "resume",
): BoundService {
  codecs[name] = { Do: json };
  const definition = method as CommandMethod<unknown, unknown> | QueryMethod<unknown, unknown>;
  return new BoundService(
    name,
    { version: 1, afterStandstill },
    new Map([["Do", { definition, codec: json }]]),
  );
}

export const genesis: Genesis = {
  window: 4,
  configuration: { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] },
};

/** A request's bytes; bytes are taken as they are. */
export function encoded(service: string, method: string, request: object): Uint8Array {
  if (request instanceof Uint8Array) return request;
  return (codecs[service]?.[method] ?? json).encodeRequest(request);
}

export function commandOf(
  clientId: string,
  sequence: number,
  service: string,
  method: string,
  request: object,
  acknowledged = 0,
): Command {
  return { clientId, sequence, acknowledged, service, method, request: encoded(service, method, request) };
}

export function openCommand(nonce = "nonce"): Command {
  return {
    clientId: nonce,
    sequence: 1,
    acknowledged: 0,
    service: systemService,
    method: openSessionMethod,
    request: new Uint8Array(0),
  };
}

/** The keys and values of a state, in order. */
export function rowsOf(map: OrderedMap): readonly (readonly [string, string])[] {
  const rows = map.range({ from: new Uint8Array(0) });
  return [...rows].map(([key, value]) => [textOf(key), textOf(value)] as const);
}

/** A state in which these services have been used, in their newest version. */
export function inUse<Map extends OrderedMap>(map: Map, services = builtIn): Map {
  for (const { name, version } of services) map.put(versionKey(name), Buffer.from(String(version)));
  return map;
}

/** An engine, one open session, and calls one a slot. */
export class World {
  readonly map: TestMap;
  readonly errors: HandlerError[] = [];
  readonly #services: readonly BoundService[];
  readonly #session: string;
  engine: Engine;
  #sequence = 0;

  constructor(services: readonly BoundService[] = builtIn, options: Partial<EngineOptions> = {}) {
    this.map = inUse(new TestMap(), services);
    this.#services = services;
    this.engine = this.engineOver(this.map, options);
    const [opened] = this.engine.apply(1, { kind: "batch", commands: [openCommand()] });
    this.#session = openedSession((opened as Answer).response);
  }

  engineOver(state: OrderedMap, options: Partial<EngineOptions> = {}): Engine {
    const onHandlerError = (error: HandlerError) => this.errors.push(error);
    return new Engine({
      state,
      genesis,
      configurationCodec,
      services: this.#services,
      onHandlerError,
      ...options,
    });
  }

  command(service: string, method: string, request: object): Command {
    const sequence = ++this.#sequence;
    return commandOf(this.#session, sequence, service, method, request, sequence - 1);
  }

  apply(command: Command): Answer {
    return this.batch([command])[0] as Answer;
  }

  /** @param logTimeMs as the proposer saw it; by default as it is, or 1 before it began */
  batch(commands: readonly Command[], logTimeMs = Math.max(1, this.engine.logTimeMs)): readonly Answer[] {
    return this.engine.apply(this.engine.appliedSlot + 1, { kind: "batch", commands, logTimeMs });
  }

  /** Empty batches, each as far ahead as one may be, until log time has passed so much. */
  advance(ms: number): void {
    const until = this.engine.logTimeMs + ms;
    while (this.engine.logTimeMs < until) {
      const step = Math.min(until, this.engine.logTimeMs + timeLimits.maxStepMs);
      this.batch([], step);
    }
  }

  /** The decoded response, or the status and text of the failure. */
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whole messages
  call(service: string, method: string, request: object): any {
    const { status, message, response, details } = this.apply(this.command(service, method, request));
    if (status !== 0) return details === undefined ? { status, message } : { status, message, details };
    const codec = codecs[service]?.[method] ?? json;
    return codec.decodeResponse(response);
  }

  kv(method: string, request: object) {
    return this.call(kv, method, request);
  }

  calculator(method: string, operand?: string | number | bigint) {
    return this.call(calculator, method, operand === undefined ? {} : { operand: String(operand) });
  }
}

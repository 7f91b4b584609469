import { fileURLToPath } from "node:url";
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from "@grpc/proto-loader";
import type { Command, Genesis, KeyRange, OrderedMap } from "@synod/core";
import {
  type Answer,
  type CalculatorMethods,
  calculatorService,
  defineService,
  Engine,
  type EngineOptions,
  type HandlerError,
  type KeyValueMethods,
  keyValueService,
  type MethodCodec,
  openedSession,
  openSessionMethod,
  openSessionService,
  type ReplicatedService,
} from "../src/index.js";

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

/** The real messages, read as packages/wire reads them. */
function codecsOf(file: string, service: string): Record<string, Required<MethodCodec>> {
  const root = fileURLToPath(new URL("../../../proto", import.meta.url));
  const definition = loadSync(file, {
    includeDirs: [root],
    longs: String,
    enums: String,
    defaults: true,
    arrays: true,
    oneofs: true,
  })[service] as ServiceDefinition;
  const decoded = (type: MessageTypeDefinition<object, object>, bytes: Uint8Array) =>
    type.deserialize(Buffer.from(bytes));
  return Object.fromEntries(
    Object.entries(definition).map(([name, { requestType, responseType }]) => [
      name,
      {
        decodeRequest: (bytes) => decoded(requestType, bytes),
        decodeResponse: (bytes) => decoded(responseType, bytes),
        encodeRequest: (request) => requestType.serialize(request as object),
        encodeResponse: (response) => responseType.serialize(response as object),
      },
    ]),
  );
}

const kv = "synod.kv.v1.KeyValue";
const calculator = "synod.calculator.v1.Calculator";
export const codecs: Record<string, Record<string, Required<MethodCodec>>> = {
  [kv]: codecsOf("synod/kv/v1/kv.proto", kv),
  [calculator]: codecsOf("synod/calculator/v1/calculator.proto", calculator),
};

export const builtIn: readonly ReplicatedService[] = [
  keyValueService(codecs[kv] as { [K in keyof KeyValueMethods]: MethodCodec }),
  calculatorService(codecs[calculator] as { [K in keyof CalculatorMethods]: MethodCodec }),
];

const json: Required<MethodCodec> = {
  decodeRequest: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  decodeResponse: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  encodeRequest: (request) => Buffer.from(JSON.stringify(request)),
  encodeResponse: (response) => Buffer.from(JSON.stringify(response)),
};

type Handler = Parameters<
  typeof defineService<{ Do: { request: object; response: object } }>
>[0]["methods"]["Do"];

/** A service with one method, `Do`, whose messages are JSON. */
export function serviceOf(method: Handler, name = "test.v1.Test"): ReplicatedService {
  codecs[name] = { Do: json };
  return defineService<{ Do: { request: object; response: object } }>({
    name,
    version: 1,
    methods: { Do: method },
    codec: { Do: json },
  });
}

export const genesis: Genesis = {
  window: 4,
  configuration: { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] },
};

export function commandOf(
  clientId: string,
  sequence: number,
  service: string,
  method: string,
  request: object,
  acknowledged = 0,
): Command {
  const encode = codecs[service]?.[method]?.encodeRequest ?? json.encodeRequest;
  return { clientId, sequence, acknowledged, service, method, request: encode(request) };
}

export function openCommand(nonce = "nonce"): Command {
  return {
    clientId: nonce,
    sequence: 1,
    acknowledged: 0,
    service: openSessionService,
    method: openSessionMethod,
    request: new Uint8Array(0),
  };
}

/** An engine, one open session, and calls one a slot. */
export class World {
  readonly map: TestMap;
  readonly errors: HandlerError[] = [];
  readonly #services: readonly ReplicatedService[];
  readonly #session: string;
  engine: Engine;
  #sequence = 0;

  constructor(services: readonly ReplicatedService[] = builtIn, options: Partial<EngineOptions> = {}) {
    this.map = new TestMap();
    this.#services = services;
    this.engine = this.engineOver(this.map, options);
    const [opened] = this.engine.apply(1, { kind: "batch", commands: [openCommand()] });
    this.#session = openedSession((opened as Answer).response);
  }

  engineOver(state: OrderedMap, options: Partial<EngineOptions> = {}): Engine {
    const onHandlerError = (error: HandlerError) => this.errors.push(error);
    return new Engine({ state, genesis, services: this.#services, onHandlerError, ...options });
  }

  command(service: string, method: string, request: object): Command {
    const sequence = ++this.#sequence;
    return commandOf(this.#session, sequence, service, method, request, sequence - 1);
  }

  apply(command: Command): Answer {
    const slot = this.engine.appliedSlot + 1;
    return this.engine.apply(slot, { kind: "batch", commands: [command] })[0] as Answer;
  }

  /** The decoded response, or the status and text of the failure. */
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whole messages
  call(service: string, method: string, request: object): any {
    const { status, message, response } = this.apply(this.command(service, method, request));
    if (status !== 0) return { status, message };
    const codec = codecs[service]?.[method] ?? json;
    return codec.decodeResponse(response);
  }

  kv(method: keyof KeyValueMethods, request: object) {
    return this.call(kv, method, request);
  }

  calculator(method: keyof CalculatorMethods, operand?: string | number | bigint) {
    return this.call(calculator, method, operand === undefined ? {} : { operand: String(operand) });
  }
}

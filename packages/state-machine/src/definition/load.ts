import {
  type BoundMethod,
  BoundService,
  type CallContext,
  type DeclaredAfterStandstill,
} from "../engine/service.js";
import type { ByteTransaction } from "../engine/transaction.js";
import type { DescribedMethod, Descriptions, DescriptorLoader, MessageCodec } from "./codec.js";
import { type BoundError, type ContextSource, type ErrorSpec, HandlerContext } from "./context.js";
import type { TableDefinition } from "./table.js";
import { type BoundTable, boundTable, TypedTransaction } from "./typed-transaction.js";

type Handler = (tx: TypedTransaction, request: unknown, context: HandlerContext) => unknown;
type Validation = (request: unknown, version: number) => string | undefined;

/** The argument of `define`; the compiler has checked it against generated types, and `load` checks it against the proto. */
export interface LoadedDefinition {
  readonly name: string;
  readonly version: number;
  readonly oldestVersion: number | undefined;
  readonly since: Readonly<Record<string, number>>;
  readonly afterStandstill: DeclaredAfterStandstill | undefined;
  readonly descriptors: Uint8Array;
  readonly tables: readonly TableDefinition[];
  readonly errors: Readonly<Record<string, ErrorSpec>>;
  readonly commands: Readonly<Record<string, Handler>>;
  readonly queries: Readonly<Record<string, Handler>>;
  readonly watches: Readonly<Record<string, { readonly range?: unknown; readonly event?: unknown }>>;
  readonly validate: Readonly<Record<string, Validation>>;
}

type Group = "commands" | "queries" | "watches";
const groups: readonly Group[] = ["commands", "queries", "watches"];
const maxTableNameLength = 64;

/** Binds a definition to the codecs of its proto. Throws, naming every problem, if the two do not agree. */
export function load(definition: LoadedDefinition, loader: DescriptorLoader): BoundService {
  const { name } = definition;
  const described = loader(definition.descriptors);
  const service = described.services.get(name);
  if (service === undefined) {
    const known = [...described.services.keys()].join(", ") || "no service";
    throw new TypeError(
      `service ${name}: expected it in its descriptor set, found ${known}; correct the name, or run "npx synod generate" again`,
    );
  }
  const problems: string[] = [];
  for (const method of service.methods.values()) problems.push(...methodProblems(definition, method));
  problems.push(...strangers(definition, service.methods), ...sinceProblems(definition));
  problems.push(...standstillProblems(definition));
  const tables = loadTables(definition, described, problems);
  const errors = loadErrors(definition, described, problems);
  if (problems.length > 0)
    throw new TypeError(`service ${name} does not fit its proto:\n  ${problems.join("\n  ")}`);
  const requests = new Map(
    Object.keys(definition.commands).map((method) => {
      const { encodeRequest } = service.methods.get(method) as DescribedMethod;
      return [method, encodeRequest];
    }),
  );
  const source: ContextSource = { service: name, errors, requests };
  const methods = new Map<string, BoundMethod>();
  for (const method of service.methods.values()) {
    const command = definition.commands[method.name];
    const handler = command ?? definition.queries[method.name];
    if (handler === undefined) continue;
    const kind = command === undefined ? "query" : "command";
    const execute = executing(handler, tables, source);
    const more = { validate: definition.validate[method.name], since: definition.since[method.name] };
    methods.set(method.name, {
      definition: { kind, execute, ...more } as BoundMethod["definition"],
      codec: method,
    });
  }
  return new BoundService(name, definition, methods, Object.keys(definition.watches));
}

function executing(handler: Handler, tables: ReadonlyMap<object, BoundTable>, source: ContextSource) {
  return (tx: ByteTransaction, request: unknown, call: CallContext) =>
    handler(new TypedTransaction(tx, tables, call.version), request, new HandlerContext(call, source));
}

/** A method that comes after the newest version would never be there. */
function sinceProblems({ since, version }: LoadedDefinition): string[] {
  return Object.entries(since).flatMap(([method, first]) =>
    Number.isSafeInteger(first) && first >= 1 && first <= version
      ? []
      : [`since.${method}: expected a version from 1 to ${version}, found ${first}`],
  );
}

/** Asked for every version here: what is found wrong in a slot would stop a replica. */
function standstillProblems({ afterStandstill = "resume", ...definition }: LoadedDefinition): string[] {
  const { version: newest, oldestVersion = newest } = definition;
  const versions = Array.from({ length: newest - oldestVersion + 1 }, (_, index) => oldestVersion + index);
  return versions.flatMap((version) => {
    const declared: unknown =
      typeof afterStandstill === "function" ? afterStandstill(version) : afterStandstill;
    return declared === "resume" || declared === "catch up"
      ? []
      : [
          `afterStandstill: expected "resume" or "catch up" for version ${version}, found ${String(declared)}`,
        ];
  });
}

function methodProblems(definition: LoadedDefinition, method: DescribedMethod): string[] {
  const { name, refused, responseStream, idempotency } = method;
  if (refused !== undefined) return [`method ${name} ${refused}`];
  const found = groups.filter((group) => Object.hasOwn(definition[group], name));
  const [group, another] = found;
  const expected = expectedGroup(method);
  if (group === undefined)
    return [
      `method ${name}: expected it in one of commands, queries and watches, found it in none; ${expected}`,
    ];
  if (another !== undefined)
    return [
      `method ${name}: expected it in one of commands, queries and watches, found it in ${found.join(" and ")}`,
    ];
  if (responseStream !== (group === "watches"))
    return [`method ${name}: found it in ${group}, but ${expected}`];
  const free = idempotency === "no-side-effects";
  if (free === (group === "commands"))
    return [
      free
        ? `method ${name}: found it in commands, but its proto says idempotency_level = NO_SIDE_EFFECTS; move it to queries, or take the option away`
        : `method ${name}: found it in ${group}, which change nothing, but its proto does not say so; add "option idempotency_level = NO_SIDE_EFFECTS;", or make it a command`,
    ];
  return handlerProblems(definition, group, name);
}

function expectedGroup({ responseStream, idempotency }: DescribedMethod): string {
  if (responseStream) return "it streams responses, so it belongs in watches";
  if (idempotency === "no-side-effects") return "its proto says NO_SIDE_EFFECTS, so it belongs in queries";
  return "it has one response and may change something, so it belongs in commands";
}

function handlerProblems(definition: LoadedDefinition, group: Group, name: string): string[] {
  const handlers: readonly (readonly [string, unknown])[] =
    group === "watches"
      ? [
          [`watches.${name}.range`, definition.watches[name]?.range],
          [`watches.${name}.event`, definition.watches[name]?.event],
        ]
      : [[`${group}.${name}`, definition[group][name]]];
  return handlers.flatMap(([place, handler]) => {
    if (typeof handler !== "function") return [`${place}: expected a function, found ${typeof handler}`];
    const { name: kind } = handler.constructor;
    if (kind === "Function") return [];
    return [`${place}: expected a plain function, found one of kind ${kind}; handlers are synchronous`];
  });
}

/** Handlers of methods that the proto does not have. */
function strangers(definition: LoadedDefinition, methods: ReadonlyMap<string, unknown>): string[] {
  const places = [...groups, "validate", "since"] as const;
  return places.flatMap((place) =>
    Object.keys(definition[place])
      .filter((name) => !methods.has(name))
      .map(
        (name) =>
          `${place}.${name}: the proto has no such method; it has ${[...methods.keys()].join(", ") || "none"}`,
      ),
  );
}

function messageOf(described: Descriptions, name: string): MessageCodec | undefined {
  try {
    return described.message(name);
  } catch {
    return undefined;
  }
}

const noMessage = (name: string) =>
  `expected the full name of a message in the protos, found ${name}; correct it, or run "npx synod generate" again`;

function loadTables(definition: LoadedDefinition, described: Descriptions, problems: string[]) {
  const tables = new Map<object, BoundTable>();
  const names = new Set<string>();
  for (const table of definition.tables) {
    const { name, keyKinds, message } = table;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.length > maxTableNameLength)
      problems.push(
        `table "${name}": expected letters, digits and _, not beginning with a digit, at most ${maxTableNameLength}`,
      );
    if (names.has(name)) problems.push(`table ${name}: expected each name once, found it twice`);
    names.add(name);
    for (const kind of keyKinds)
      if (!["string", "int64", "bytes"].includes(kind))
        problems.push(`table ${name}: expected key parts of kind string, int64 or bytes, found "${kind}"`);
    const values = messageOf(described, message);
    if (values === undefined) problems.push(`table ${name}: ${noMessage(message)}`);
    else tables.set(table, boundTable(table, values));
  }
  return tables;
}

function loadErrors(definition: LoadedDefinition, described: Descriptions, problems: string[]) {
  const errors = new Map<string, BoundError>();
  for (const [name, { code, detail: detailType }] of Object.entries(definition.errors)) {
    if (!Number.isInteger(code) || code < 1 || code > 16)
      problems.push(`errors.${name}.code: expected a gRPC status code from 1 to 16, found ${code}`);
    const detail = detailType === undefined ? undefined : messageOf(described, detailType);
    if (detailType !== undefined && detail === undefined)
      problems.push(`errors.${name}.detail: ${noMessage(detailType)}`);
    errors.set(name, { code, detailType, detail });
  }
  return errors;
}

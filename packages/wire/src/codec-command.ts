import type { Command } from "@synod/core";
import {
  bytesSize,
  EncodedTexts,
  integerSize,
  KnownTexts,
  Reading,
  tagOf,
  varintSize,
  Writing,
  wireType,
} from "./bytes.js";
import * as check from "./check.js";
import type { Codec } from "./codec.js";
import { WireError } from "./wire-error.js";

/** Field numbers of synod.v1.Command. */
export const commandField = {
  clientId: 1,
  sequence: 2,
  acknowledged: 3,
  service: 4,
  method: 5,
  request: 6,
} as const;
/** Batch.commands. */
const only = 1;
/** Of synod.v1.Batch, what stands beside its commands: all of them numbers, 0 when absent. */
const timeFields = [
  [2, "logTimeMs", "Batch.log_time_ms"],
  [3, "beginsLogTime", "Batch.begins_log_time"],
  [4, "appliedSlot", "Batch.applied_slot"],
  [5, "appliedLogTimeMs", "Batch.applied_log_time_ms"],
  [6, "standstillMs", "Batch.standstill_ms"],
  [7, "appliedStandstillMs", "Batch.applied_standstill_ms"],
  [8, "doubt", "Batch.doubt"],
] as const;
const onlyTag = tagOf(only, wireType.bytes);
const texts = new EncodedTexts();
const clientIds = new KnownTexts(check.id);
const serviceNames = new KnownTexts(check.service);
const methodNames = new KnownTexts(check.method);

export function sizeOf(command: Command): number {
  return (
    bytesSize(texts.of(command.clientId).length) +
    integerSize(check.checked(command.sequence, "Command.sequence")) +
    integerSize(check.checked(command.acknowledged, "Command.acknowledged")) +
    bytesSize(texts.of(command.service).length) +
    bytesSize(texts.of(command.method).length) +
    bytesSize(command.request.length)
  );
}

export function write(to: Writing, command: Command): void {
  to.bytes(commandField.clientId, texts.of(command.clientId));
  to.integer(commandField.sequence, command.sequence);
  to.integer(commandField.acknowledged, command.acknowledged);
  to.bytes(commandField.service, texts.of(command.service));
  to.bytes(commandField.method, texts.of(command.method));
  to.bytes(commandField.request, command.request);
}

/** Reads the commands of one message. */
export class CommandReader {
  readonly #from: Reading;
  readonly #field: string;
  readonly #clientIdField: string;
  readonly #serviceField: string;
  readonly #methodField: string;

  constructor(from: Reading, field: string) {
    this.#from = from;
    this.#field = field;
    this.#clientIdField = `${field}.client_id`;
    this.#serviceField = `${field}.service`;
    this.#methodField = `${field}.method`;
  }

  /** @param index in the list, for errors; undefined when it is alone */
  read(limit: number, index: number | undefined): Command {
    try {
      return this.#read(limit);
    } catch (error) {
      if (!(error instanceof WireError) || index === undefined) throw error;
      throw error.within(this.#field, `${this.#field}[${index}]`);
    }
  }

  #read(limit: number): Command {
    const from = this.#from;
    const { buffer } = from;
    let clientId = "";
    let sequence = 0;
    let acknowledged = 0;
    let service = "";
    let method = "";
    let request: Uint8Array = noBytes;
    while (from.position < limit) {
      const tag = from.tag();
      switch (tag) {
        case tagOf(commandField.clientId, wireType.bytes): {
          const end = from.end(limit);
          clientId = clientIds.read(buffer, from.position, end, this.#clientIdField);
          from.position = end;
          break;
        }
        case tagOf(commandField.sequence, wireType.varint):
          sequence = from.varint();
          break;
        case tagOf(commandField.acknowledged, wireType.varint):
          acknowledged = from.varint();
          break;
        case tagOf(commandField.service, wireType.bytes): {
          const end = from.end(limit);
          service = serviceNames.read(buffer, from.position, end, this.#serviceField);
          from.position = end;
          break;
        }
        case tagOf(commandField.method, wireType.bytes): {
          const end = from.end(limit);
          method = methodNames.read(buffer, from.position, end, this.#methodField);
          from.position = end;
          break;
        }
        case tagOf(commandField.request, wireType.bytes): {
          const end = from.end(limit);
          request = buffer.subarray(from.position, end);
          from.position = end;
          break;
        }
        default:
          from.skip(tag, limit);
      }
    }
    from.finish(limit);
    return this.#checked({ clientId, sequence, acknowledged, service, method, request });
  }

  #checked(command: Command): Command {
    const field = this.#field;
    const { sequence, acknowledged } = command;
    // A request that names no session runs under its replica's own, which counts for it.
    const least = command.clientId === "" ? 0 : 1;
    if (!(sequence >= least && sequence <= Number.MAX_SAFE_INTEGER))
      check.integer(sequence, `${field}.sequence`, least);
    if (acknowledged > Number.MAX_SAFE_INTEGER) check.integer(acknowledged, `${field}.acknowledged`);
    if (command.service === "") check.service("", `${field}.service`);
    if (command.method === "") check.method("", `${field}.method`);
    if (command.request.length > check.maxRequestBytes)
      check.bytes(command.request, `${field}.request`, check.maxRequestBytes);
    return command;
  }
}

const noBytes = Buffer.alloc(0);

/** Log time as a batch states it (rules 16 and 35), in milliseconds; an absent field is 0. */
export interface BatchTime {
  /** When it was proposed, as its proposer counted it; 0 says nothing. */
  readonly logTimeMs: number;
  /** The time is a wall clock's: it says where log time begins, and nothing where it has begun. */
  readonly beginsLogTime?: boolean | undefined;
  /** The last slot that its proposer had applied, and log time there. */
  readonly appliedSlot?: number | undefined;
  readonly appliedLogTimeMs?: number | undefined;
  /** Milliseconds to add to each of the two times for services that catch up after a standstill. */
  readonly standstillMs?: number | undefined;
  readonly appliedStandstillMs?: number | undefined;
  /** The number of the doubt that its proposer's clock was in; 0 when in none. */
  readonly doubt?: number | undefined;
}

/** The commands that one slot decides together. */
export interface Batch extends BatchTime {
  readonly commands: readonly Command[];
}

/** The field's value on the wire; 0 is not written. */
function numberOf(time: BatchTime, [, name, field]: (typeof timeFields)[number]): number {
  return check.checked(Number(time[name] ?? 0), field);
}

function encodeBatch({ commands, ...time }: Batch): Buffer {
  const sizes = commands.map(sizeOf);
  const numbers = timeFields.map((field) => numberOf(time, field));
  let total = 0;
  for (const number of numbers) total += integerSize(number);
  for (const size of sizes) total += 1 + varintSize(size) + size;
  const to = new Writing(total);
  for (let index = 0; index < commands.length; index++) {
    to.message(only, sizes[index] as number);
    write(to, commands[index] as Command);
  }
  for (const [index, [number]] of timeFields.entries()) to.integer(number, numbers[index] as number);
  return to.buffer;
}

function decodeBatch(bytes: Uint8Array): Batch {
  const from = new Reading(bytes, "Batch");
  const reader = new CommandReader(from, "Batch.commands");
  const commands: Command[] = [];
  const time: Record<string, number | boolean> = {};
  while (from.position < bytes.length) {
    const tag = from.tag();
    if (tag === onlyTag) {
      if (commands.length === check.maxBatchCommands)
        throw new WireError("Batch", `at most ${check.maxBatchCommands} commands`, "more");
      commands.push(reader.read(from.end(bytes.length), commands.length));
    } else {
      const field = timeFieldOf(tag);
      if (field === undefined) from.skip(tag, bytes.length);
      else readTime(from, field, time);
    }
  }
  from.finish(bytes.length);
  return { commands, logTimeMs: 0, ...time };
}

function timeFieldOf(tag: number): (typeof timeFields)[number] | undefined {
  const field = timeFields[(tag >>> 3) - timeFields[0][0]];
  return field !== undefined && tag === tagOf(field[0], wireType.varint) ? field : undefined;
}

function readTime(
  from: Reading,
  [, name, field]: (typeof timeFields)[number],
  time: Record<string, number | boolean>,
): void {
  const value = check.integer(from.varint(), field);
  if (name !== "beginsLogTime") time[name] = value;
  else if (value !== 0) time[name] = true;
}

/** One value; what replicas propose and execute. */
export const batch: Codec<Batch> = {
  encode: encodeBatch,
  decode: decodeBatch,
};

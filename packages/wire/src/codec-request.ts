import type { Command } from "@synod/core";
import { Reading, tagOf, varintSize, Writing, wireType } from "./bytes.js";
import * as check from "./check.js";
import type { Codec } from "./codec.js";
import { CommandReader, commandField, sizeOf, write } from "./codec-command.js";
import { WireError } from "./wire-error.js";

/** Requests.requests and Request.command alike. */
const only = 1;
const onlyTag = tagOf(only, wireType.bytes);
const clientIdTag = tagOf(commandField.clientId, wireType.bytes);
const sequenceTag = tagOf(commandField.sequence, wireType.varint);
const nameless = { clientId: "", sequence: 0 };

/** Stands where a request was that is no valid command: it has an answer of its own, and those beside it are none the worse. */
export class Unreadable {
  /** Of the command, as far as they could be read; otherwise empty and 0. */
  readonly clientId: string;
  readonly sequence: number;
  readonly error: WireError;

  constructor({ clientId, sequence }: Pick<Command, "clientId" | "sequence">, error: WireError) {
    this.clientId = clientId;
    this.sequence = sequence;
    this.error = error;
  }
}

/** One of many requests that came together. */
export type Requested = Command | Unreadable;

/** A synod.v1.Request that ends at `limit`. */
function readRequest(
  from: Reading,
  reader: CommandReader,
  limit: number,
  index: number | undefined,
): Command {
  let command: Command | undefined;
  while (from.position < limit) {
    const tag = from.tag();
    if (tag === onlyTag) command = reader.read(from.end(limit), index);
    else from.skip(tag, limit);
  }
  from.finish(limit);
  const place = index === undefined ? "Request.command" : `Requests.requests[${index}].command`;
  return check.present(command, place);
}

/** The session and sequence in a request that is not valid, so that its client knows which one the answer is for. */
function namedIn(bytes: Uint8Array): Pick<Command, "clientId" | "sequence"> {
  let [clientId, sequence] = ["", 0];
  try {
    const from = new Reading(bytes, "Request");
    if (from.tag() !== onlyTag) return nameless;
    const limit = from.end(bytes.length);
    while (from.position < limit) {
      const tag = from.tag();
      if (tag === clientIdTag) {
        const end = from.end(limit);
        clientId = from.buffer.toString("utf8", from.position, end);
        from.position = end;
      } else if (tag === sequenceTag) sequence = from.varint();
      else from.skip(tag, limit);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return check.isName(clientId) && Number.isSafeInteger(sequence) ? { clientId, sequence } : nameless;
}

/** Client → replica, on a stream. Throws where the list itself is not valid. */
export const requests: Codec<readonly Requested[]> = {
  encode: (requested) => {
    const commands = requested as readonly Command[];
    const sizes = commands.map(sizeOf);
    let total = 0;
    for (const size of sizes) {
      const wrapping = 1 + varintSize(size) + size;
      total += 1 + varintSize(wrapping) + wrapping;
    }
    const to = new Writing(total);
    for (let index = 0; index < commands.length; index++) {
      const size = sizes[index] as number;
      to.message(only, 1 + varintSize(size) + size);
      to.message(only, size);
      write(to, commands[index] as Command);
    }
    return to.buffer;
  },
  decode: (bytes) => {
    const from = new Reading(bytes, "Requests");
    const reader = new CommandReader(from, "Requests.requests");
    const found: Requested[] = [];
    while (from.position < bytes.length) {
      const tag = from.tag();
      if (tag !== onlyTag) {
        from.skip(tag, bytes.length);
        continue;
      }
      if (found.length === check.maxBatchCommands)
        throw new WireError("Requests", `at most ${check.maxBatchCommands} commands`, "more");
      const end = from.end(bytes.length);
      const start = from.position;
      try {
        found.push(readRequest(from, reader, end, found.length));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        found.push(new Unreadable(namedIn(bytes.subarray(start, end)), error));
        from.position = end;
      }
    }
    from.finish(bytes.length);
    return found;
  },
};

/** Client → replica, alone. */
export const request: Codec<Command> = {
  encode: (command) => {
    const size = sizeOf(command);
    const to = new Writing(1 + varintSize(size) + size);
    to.message(only, size);
    write(to, command);
    return to.buffer;
  },
  decode: (bytes) => {
    const from = new Reading(bytes, "Request");
    return readRequest(from, new CommandReader(from, "Request.command"), bytes.length, undefined);
  },
};

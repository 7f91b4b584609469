import type { Response } from "@synod/wire";
import { type Caller, noPlaceText, Places } from "../../transport/places.js";
import { unreadHere } from "./unanswered.js";

/** Bytes of the answers that wait in all streams of a replica. */
const maxBytesOfAll = 256 << 20;

/** The places for the answers that clients have not taken, of all streams of a replica together. */
export function unreadPlaces(maxBytes = maxBytesOfAll): Places {
  return new Places({ maxNumber: Number.MAX_SAFE_INTEGER, maxBytes });
}

/** One message of answers stays well below gRPC's limit; a single answer may have 1 MiB. */
const maxMessageBytes = 1 << 20;
const responseOverheadBytes = 64;

function bytesOf({ response, message, details }: Response): number {
  return response.length + message.length + (details?.length ?? 0) + responseOverheadBytes;
}

interface Kept {
  readonly response: Response;
  readonly bytes: number;
  readonly placed: boolean;
}

export interface UnreadAnswersOptions {
  readonly caller: Caller;
  /** Bytes of them; one that goes beyond it is exchanged for the word that the client has to ask again. */
  readonly maxBytes: number;
  readonly places: Places;
}

/** Answers that the client of one stream has not taken yet. */
export class UnreadAnswers {
  readonly #options: UnreadAnswersOptions;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(options: UnreadAnswersOptions) {
    this.#options = options;
  }

  get waiting(): boolean {
    return this.#kept.length > 0;
  }

  add(response: Response): void {
    const bytes = bytesOf(response);
    const none = this.#noRoom(bytes);
    if (none === undefined) this.#bytes += bytes;
    // The word itself needs room as well: there are no more of them than commands outstanding.
    const kept = none === undefined ? response : unreadHere(response, none);
    this.#kept.push({ response: kept, bytes, placed: none === undefined });
  }

  /** Takes out what goes in the next message. */
  next(): readonly Response[] {
    let bytes = 0;
    let until = 0;
    for (; until < this.#kept.length && (until === 0 || bytes < maxMessageBytes); until++)
      bytes += (this.#kept[until] as Kept).bytes;
    return this.#take(until).map(({ response }) => response);
  }

  drop(): void {
    this.#take(this.#kept.length);
  }

  #noRoom(bytes: number): string | undefined {
    const { caller, maxBytes, places } = this.#options;
    if (this.#bytes + bytes > maxBytes)
      return `${this.#bytes} bytes of answers wait on this stream to be read; read them, or ask for less at a time`;
    const none = places.take(caller, bytes);
    return none && noPlaceText(none, "answers");
  }

  #take(count: number): readonly Kept[] {
    const taken = this.#kept.splice(0, count);
    for (const { bytes, placed } of taken) {
      if (!placed) continue;
      this.#bytes -= bytes;
      this.#options.places.leave(this.#options.caller, bytes);
    }
    return taken;
  }
}

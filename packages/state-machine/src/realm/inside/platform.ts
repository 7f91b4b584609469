import type { Kit } from "./kit.js";

/** The process's services to the realm's platform, on bytes and texts. None of them throws. */
export interface Platform {
  /** UTF-8 of a text. */
  utf8Length(text: string): number;
  writeUtf8(text: string, into: Uint8Array): void;
  /** Undefined when the encoding is unknown, or the bytes are not of it and `fatal` asks. */
  decode(bytes: Uint8Array, encoding: string, fatal: boolean, ignoreBom: boolean): string | undefined;
  /** Hex; undefined when there is no such algorithm. */
  digest(algorithm: string, key: Uint8Array | undefined, bytes: Uint8Array): string | undefined;
  /** Base64 of a text of bytes, and back; undefined when the text does not fit. */
  base64(text: string, way: "encode" | "decode"): string | undefined;
  /** The parts of a URL, or undefined. */
  url(text: string, base: string | undefined): Readonly<Record<string, string>> | undefined;
  /** Base64 of a file beside the module, or what is wrong. Only while the module is loaded. */
  read(path: string): { readonly content: string } | { readonly problem: string };
  log(level: string, parameters: readonly unknown[]): void;
}

type BufferMaker = {
  from(source: unknown, encoding?: string): Uint8Array & { toString(encoding: string): string };
  concat(parts: readonly Uint8Array[]): Uint8Array & { toString(encoding: string): string };
  isBuffer(value: unknown): boolean;
};

/**
 * Evaluated inside. The parts of Node's platform that are pure functions of what they are given, as globals and as modules;
 * what waits, or asks the outside, throws.
 * @param chance the part of the module crypto that `installChance` made
 * @returns Node's modules, by name
 */
export function installPlatform(
  { refusing, fix }: Kit,
  outside: Platform,
  chance: object,
): Readonly<Record<string, object>> {
  const buffers = () => (globalThis as unknown as { Buffer: BufferMaker }).Buffer;

  class TextEncoder {
    get encoding(): string {
      return "utf-8";
    }
    encode(text: unknown = ""): Uint8Array {
      const bytes = new Uint8Array(outside.utf8Length(String(text)));
      outside.writeUtf8(String(text), bytes);
      return bytes;
    }
    encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
      let read = 0;
      let written = 0;
      for (const character of String(text)) {
        const bytes = this.encode(character);
        if (written + bytes.length > into.length) break;
        into.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    readonly encoding: string;
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    constructor(encoding = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
      this.encoding = String(encoding)
        .toLowerCase()
        .replace(/^utf8$/, "utf-8");
      if (!["utf-8", "utf-16le", "latin1"].includes(this.encoding))
        throw new RangeError(`TextDecoder: expected utf-8, utf-16le or latin1, found ${encoding}`);
      this.fatal = options.fatal === true;
      this.ignoreBOM = options.ignoreBOM === true;
    }
    decode(input?: ArrayBuffer | ArrayBufferView): string {
      if (input === undefined) return "";
      const bytes = ArrayBuffer.isView(input)
        ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
        : new Uint8Array(input);
      const text = outside.decode(bytes, this.encoding, this.fatal, this.ignoreBOM);
      if (text === undefined)
        throw new TypeError(`The encoded data was not valid for encoding ${this.encoding}`);
      return text;
    }
  }

  const base64 = (text: unknown, way: "encode" | "decode") => {
    const converted = outside.base64(String(text), way);
    if (converted === undefined)
      throw new TypeError(
        way === "encode" ? "btoa: expected characters up to U+00FF" : "atob: expected base64",
      );
    return converted;
  };

  class URL {
    readonly #parts: Readonly<Record<string, string>>;
    constructor(text: unknown, base?: unknown) {
      const parts = outside.url(String(text), base === undefined ? undefined : String(base));
      if (parts === undefined) throw new TypeError(`Invalid URL: ${text}`);
      this.#parts = parts;
      for (const [name, value] of Object.entries(parts))
        Object.defineProperty(this, name, { value, enumerable: true });
    }
    static canParse(text: unknown, base?: unknown): boolean {
      return outside.url(String(text), base === undefined ? undefined : String(base)) !== undefined;
    }
    toString(): string {
      return this.#parts.href as string;
    }
    toJSON(): string {
      return this.toString();
    }
  }

  class Hash {
    readonly #algorithm: string;
    readonly #key: Uint8Array | undefined;
    readonly #parts: Uint8Array[] = [];
    constructor(algorithm: string, key: Uint8Array | undefined) {
      this.#algorithm = algorithm;
      this.#key = key;
    }
    update(data: unknown, encoding?: string): this {
      this.#parts.push(buffers().from(data, typeof data === "string" ? encoding : undefined));
      return this;
    }
    digest(encoding?: string): unknown {
      const hex = outside.digest(this.#algorithm, this.#key, buffers().concat(this.#parts));
      if (hex === undefined)
        throw new TypeError(`crypto: expected a digest that there is, found ${this.#algorithm}`);
      const bytes = buffers().from(hex, "hex");
      return encoding === undefined ? bytes : bytes.toString(encoding);
    }
  }

  const log =
    (level: string) =>
    (...parameters: unknown[]) =>
      outside.log(level, parameters);
  const levels = ["debug", "error", "info", "log", "trace", "warn"];
  const console = Object.freeze(Object.fromEntries(levels.map((level) => [level, log(level)])));

  const copied = (value: unknown, seen: Map<unknown, unknown>): unknown => {
    if (typeof value === "function" || typeof value === "symbol")
      throw new TypeError(`structuredClone: expected plain data, found a ${typeof value}`);
    if (Object(value) !== value) return value;
    if (seen.has(value)) return seen.get(value);
    const keep = <Copy>(copy: Copy): Copy => {
      seen.set(value, copy);
      return copy;
    };
    if (value instanceof Date) return keep(new Date(value.getTime()));
    if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (value instanceof DataView)
      return keep(new DataView(value.buffer.slice(0), value.byteOffset, value.byteLength));
    if (ArrayBuffer.isView(value)) return keep((value as Uint8Array).slice());
    if (value instanceof Map) {
      const map = keep(new Map<unknown, unknown>());
      for (const [key, each] of value) map.set(copied(key, seen), copied(each, seen));
      return map;
    }
    if (value instanceof Set) {
      const set = keep(new Set<unknown>());
      for (const each of value) set.add(copied(each, seen));
      return set;
    }
    const target = keep(Array.isArray(value) ? new Array<unknown>(value.length) : {}) as Record<
      string,
      unknown
    >;
    for (const [key, each] of Object.entries(value as object))
      Object.defineProperty(target, key, {
        value: copied(each, seen),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    return target;
  };

  const readFileSync = (path: unknown, options?: unknown): unknown => {
    const answer = outside.read(String(path));
    if ("problem" in answer) throw new Error(answer.problem);
    const bytes = buffers().from(answer.content, "base64");
    const encoding =
      typeof options === "string" ? options : (options as { encoding?: string } | undefined)?.encoding;
    return encoding === undefined || encoding === null ? bytes : bytes.toString(encoding);
  };

  const globals: Record<string, unknown> = {
    TextEncoder,
    TextDecoder,
    URL,
    console,
    atob: (text: unknown) => base64(text, "decode"),
    btoa: (text: unknown) => base64(text, "encode"),
    structuredClone: (value: unknown) => copied(value, new Map()),
  };
  const later = "context.schedule(at, method, request)";
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"])
    globals[name] = refusing(`${name}()`, later);
  globals.fetch = refusing("fetch()", "a request that carries what it needs, or a table");
  for (const [name, value] of Object.entries(globals)) fix(globalThis, name, value);

  const crypto = {
    ...chance,
    createHash: (algorithm: string) => new Hash(algorithm, undefined),
    createHmac: (algorithm: string, key: unknown) => new Hash(algorithm, buffers().from(key)),
  };
  const fileURLToPath = (url: unknown) =>
    decodeURIComponent(new URL(url).toString().replace(/^file:\/\//, ""));
  return {
    buffer: {
      get Buffer() {
        return buffers();
      },
    },
    crypto,
    fs: { readFileSync },
    url: { URL, fileURLToPath, pathToFileURL: (path: string) => new URL(`file://${encodeURI(path)}`) },
    util: { TextEncoder, TextDecoder },
  };
}

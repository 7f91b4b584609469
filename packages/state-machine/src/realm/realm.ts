import { createHash, createHmac } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { formatWithOptions } from "node:util";
import vm from "node:vm";
import type { LoadedDefinition } from "../definition/load.js";
import { SeededBytes } from "../engine/seeded.js";
import { type Bundle, rootUrl } from "./bundle.js";
import { isExhaustion, note } from "./exhaustion.js";
import { installChance } from "./inside/chance.js";
import { installClock } from "./inside/clock.js";
import { type Kit, keepOnly, makeKit, type Outside } from "./inside/kit.js";
import { installLocale } from "./inside/locale.js";
import { installMath } from "./inside/math.js";
import { installPlatform, type Platform } from "./inside/platform.js";
import { type Given, makeSdk, type Registry } from "./inside/sdk.js";
import { installStack } from "./inside/stack.js";
import { names } from "./instrument.js";
import { intrinsics } from "./intrinsics.js";
import { type Moment, moment } from "./running.js";
import { isCalledByPackage, keepTrace } from "./traces.js";

/** @param present of the command that runs, or of a package that is loaded */
function outsideOf(present: () => Moment | undefined): Outside {
  return {
    timeMs: () => present()?.timeMs,
    random: () => present()?.chance.random(),
    fillWithChance(bytes) {
      const chance = present()?.chance;
      if (chance === undefined) return false;
      for (let start = 0; start < bytes.length; start += 32) {
        const block = chance.take(Math.min(32, bytes.length - start));
        for (const [index, byte] of block.entries()) bytes[start + index] = byte;
      }
      return true;
    },
    isExhaustion(error) {
      if (!isExhaustion(error)) return false;
      note(error);
      return true;
    },
  };
}

/** Errors of the process, by those of a realm that stand for them. */
const stoodFor = new WeakMap<object, unknown>();

/** The error that a realm's error stands for; the error itself when it stands for none. */
export function original(error: unknown): unknown {
  return typeof error === "object" && error !== null && stoodFor.has(error) ? stoodFor.get(error) : error;
}

/** The exports of a realm's module, and the services it defined, in order. */
export interface Evaluated {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly defined: ReadonlyMap<object, LoadedDefinition>;
  /** sha-256, hex, of the module with all that it imports, and of what it read. */
  readonly build: string;
}

type Evaluator = (...parameters: unknown[]) => unknown;

/**
 * The realm that handlers run in: a context of its own with the globals of an allow list, made before any of the user's code is
 * loaded. Everything in it is a function of the log and the state: clock and chance are those of the command that runs,
 * the rest throws or does what it does on every machine and in every version of Node.
 */
export class Realm {
  readonly #context: vm.Context;
  readonly #defined = new Map<object, LoadedDefinition>();
  readonly #given: Given;
  readonly #kit: Kit;
  readonly #modules: Readonly<Record<string, object>>;
  readonly #outside = outsideOf(() => moment() ?? this.#momentOfLoading());
  readonly #chanceOfLoading = new SeededBytes(() => Buffer.from("a package is loaded"));
  #sdk: unknown;
  #bundle: Bundle | undefined;
  #loading = false;
  readonly #build = createHash("sha256");

  /** @param given what it has as @synod/state-machine besides functions */
  constructor(given: Given) {
    this.#given = given;
    const constants = vm.constants as unknown as { DONT_CONTEXTIFY?: vm.Context };
    // From Node 22 on the global is an ordinary object; before, each look-up of a global is intercepted, and slow.
    this.#context = vm.createContext(constants.DONT_CONTEXTIFY ?? {}, {
      codeGeneration: { strings: false, wasm: false },
      // What a handler leaves behind in promises must not run later, between other commands.
      microtaskMode: "afterEvaluate",
    });
    this.#inside(keepOnly)(intrinsics);
    this.#inside(installStack)((error: object, sites: readonly object[]) =>
      keepTrace(error, sites, this.#bundle),
    );
    const kit = this.#inside(makeKit)() as Kit;
    this.#kit = kit;
    const outside = this.#outside;
    this.#inside(installClock)(kit, outside);
    const chance = this.#inside(installChance)(kit, outside) as object;
    this.#inside(installMath)(kit);
    this.#inside(installLocale)(kit);
    const platform = this.#inside(installPlatform)(kit, this.#platform(), chance);
    this.#modules = { ...(platform as Record<string, object>) };
  }

  /** Evaluates an expression inside. */
  readonly evaluate = (expression: string): unknown => vm.runInContext(`(${expression}\n)`, this.#context);

  /** Evaluates a bundle. Once only. Throws what the module throws. */
  load(bundle: Bundle): Evaluated {
    this.#bundle = bundle;
    // Handed over as parameters, globals are found without looking them up in a global object that may be intercepted.
    const globals = this.evaluate("Object.getOwnPropertyNames(globalThis)") as string[];
    const known = [...globals].filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && !reservedNames.has(name));
    const head = `(function (${known.join(", ")}) { return function (require, module, exports, ${names.caught}) {`;
    const script = new vm.Script(`${head}\n${bundle.code}\n}})`, { filename: bundle.file, lineOffset: -1 });
    this.#loading = true;
    try {
      const enter = script.runInContext(this.#context) as Evaluator;
      const run = enter(...(this.evaluate(`[${known.join(", ")}]`) as unknown[])) as Evaluator;
      const caught = this.evaluate(caughtText) as Evaluator;
      const require = this.evaluate(requireText) as Evaluator;
      const module = this.evaluate("({ exports: {} })") as { exports: { service?: Record<string, unknown> } };
      const lookUp = (name: unknown) => this.#module(String(name));
      run(require(lookUp), module, module.exports, caught(this.#outside.isExhaustion));
      const build = this.#build.update(bundle.digest).digest("hex");
      return { exports: module.exports.service ?? {}, defined: this.#defined, build };
    } finally {
      this.#loading = false;
    }
  }

  /**
   * Some packages ask for the time when they are loaded, to no visible end (lodash counts its own calls): they get the same
   * everywhere. A user's own module is told that there is none.
   */
  #momentOfLoading(): Moment | undefined {
    if (!this.#loading || this.#bundle === undefined || !isCalledByPackage(this.#bundle)) return undefined;
    return { timeMs: 0, chance: this.#chanceOfLoading };
  }

  #module(name: string): unknown {
    if (name === "@synod/state-machine") {
      const registry: Registry = {
        defined: (service, definition) => void this.#defined.set(service, definition as LoadedDefinition),
        standsFor: (inner, error) => void stoodFor.set(inner, error),
        exported: (bytes) => Buffer.from(bytes),
      };
      this.#sdk ??= this.#inside(makeSdk)(this.#kit, registry, JSON.stringify(this.#given));
      return this.#sdk;
    }
    return this.#modules[name.replace(/^node:/, "")];
  }

  /** A function of the realm, from the text of one that stands alone. */
  #inside<Parameters extends unknown[], Result>(
    work: (...parameters: Parameters) => Result,
  ): (...parameters: Parameters) => Result {
    const text = `(function () { "use strict"; return ${work}; })()`;
    return this.evaluate(text) as (...parameters: Parameters) => Result;
  }

  #platform(): Platform {
    return {
      utf8Length: (text) => Buffer.byteLength(text, "utf8"),
      writeUtf8: (text, into) => void new TextEncoder().encodeInto(text, into),
      decode(bytes, encoding, fatal, ignoreBOM) {
        try {
          if (encoding === "latin1") return Buffer.from(bytes).toString("latin1");
          return new TextDecoder(encoding, { fatal, ignoreBOM }).decode(Buffer.from(bytes));
        } catch {
          return undefined;
        }
      },
      digest(algorithm, key, bytes) {
        try {
          const hash = key === undefined ? createHash(algorithm) : createHmac(algorithm, key);
          return hash.update(bytes).digest("hex");
        } catch {
          return undefined;
        }
      },
      base64(text, way) {
        try {
          return way === "encode" ? btoa(text) : atob(text);
        } catch {
          return undefined;
        }
      },
      url: (text, base) => {
        if (!URL.canParse(text, base)) return undefined;
        const parts = new URL(text, base);
        const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } =
          parts;
        return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };
      },
      read: (name) => this.#read(name),
      log: (_, parameters) => {
        // Nobody reads them: they are lost rather than kept without a bound.
        if (process.stderr.writableLength > maxUnreadBytes) return;
        process.stderr.write(`${formatWithOptions({ customInspect: false }, ...parameters)}\n`);
      },
    };
  }

  /** A module may read what lies in its own package while it is loaded, such as a descriptor set: it belongs to its build. */
  #read(name: string): { readonly content: string } | { readonly problem: string } {
    if (!this.#loading || this.#bundle === undefined)
      return {
        problem: `readFileSync("${name}") in a handler: expected it while the module is loaded, or a table instead`,
      };
    const { root } = this.#bundle;
    const asked = name.startsWith(rootUrl)
      ? path.join(root, fileURLToPath(`file:///${name.slice(rootUrl.length)}`))
      : path.resolve(root, name);
    try {
      const file = realpathSync(asked);
      if (!file.startsWith(`${root}${path.sep}`))
        return { problem: `readFileSync("${name}"): expected a file below ${root}, found ${file}` };
      const content = readFileSync(file);
      this.#build.update(content);
      return { content: content.toString("base64") };
    } catch (error) {
      return { problem: `readFileSync("${name}"): ${(error as Error).message}` };
    }
  }
}

/** Not to be parameters of a function in strict mode, or literals to the compiler. */
/** Bytes of what handlers say on the console that may wait for a reader of standard error. */
const maxUnreadBytes = 256 << 10;

const reservedNames = new Set(["eval", "arguments", "undefined", "NaN", "Infinity"]);

const caughtText = `(isExhaustion) => (error) => { if (isExhaustion(error)) throw error; }`;

const requireText = `(lookUp) => (name) => {
  const found = lookUp(name);
  if (found !== undefined) return found;
  throw new Error(\`there is no module "\${name}" in a handler: expected imports that compute only from what they are given\`);
}`;

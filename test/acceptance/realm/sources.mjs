// What differs between machines, moments and versions of Node, asked as careless handlers ask.
import * as nodeCrypto from "node:crypto";

/** Names that a realm may lack are looked up here, so that asking for them compiles. @type {any} */
const all = globalThis;
/** @type {any} */
const anyCrypto = nodeCrypto;
const bytes = () => [...crypto.getRandomValues(new Uint8Array(8))];

/** @type {Record<string, () => unknown>} */
const chance = {
  "Math.random": () => Math.random(),
  "crypto.getRandomValues": bytes,
  "crypto.randomUUID": () => crypto.randomUUID(),
  "node:crypto randomBytes": () => nodeCrypto.randomBytes(8).toString("hex"),
  "node:crypto randomInt": () => nodeCrypto.randomInt(1_000_000_000),
  "node:crypto randomUUID": () => nodeCrypto.randomUUID(),
  "node:crypto randomFillSync": () => [...nodeCrypto.randomFillSync(new Uint8Array(8))],
  "node:crypto webcrypto": () => nodeCrypto.webcrypto.randomUUID(),
  "node:crypto generateKeyPairSync": () => anyCrypto.generateKeyPairSync("ed25519"),
};

/** @type {Record<string, () => unknown>} */
const clock = {
  "Date.now": () => Date.now(),
  "new Date": () => new Date().toISOString(),
  "Date()": () => Date(),
  "performance.now": () => performance.now(),
  "performance.timeOrigin": () => performance.timeOrigin,
  "process.hrtime": () => process.hrtime(),
  "process.hrtime.bigint": () => process.hrtime.bigint(),
  "process.uptime": () => process.uptime(),
  "process.cpuUsage": () => process.cpuUsage().user,
  "Temporal.Now": () => all.Temporal.Now.instant().toString(),
  "Event.timeStamp": () => new all.Event("x").timeStamp,
  "Intl.DateTimeFormat format": () => new Intl.DateTimeFormat("en", { timeStyle: "full" }).format(),
  setTimeout: () => typeof setTimeout(() => {}, 1),
  setInterval: () => typeof setInterval(() => {}, 1),
  setImmediate: () => typeof setImmediate(() => {}),
  queueMicrotask: () => typeof queueMicrotask(() => {}),
  "process.nextTick": () => typeof process.nextTick(() => {}),
  "Atomics.wait": () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1),
};

/** @type {Record<string, () => unknown>} */
const zone = {
  getHours: () => new Date(0).getHours(),
  getTimezoneOffset: () => new Date(0).getTimezoneOffset(),
  "local constructor": () => new Date(2020, 5, 15).getTime(),
  "local setter": () => new Date(0).setHours(5),
  "text without a zone": () => Date.parse("2020-06-15T12:00"),
  "words without a zone": () => Date.parse("Jun 15 2020 12:00"),
  "Date.prototype.toString": () => String(new Date(0)),
  toTimeString: () => new Date(0).toTimeString(),
  "Date.prototype.toLocaleString": () => new Date(0).toLocaleString(),
  toLocaleDateString: () => new Date(0).toLocaleDateString(),
  toLocaleTimeString: () => new Date(0).toLocaleTimeString(),
  "resolved time zone": () => Intl.DateTimeFormat().resolvedOptions().timeZone,
};

/** @type {Record<string, () => unknown>} */
const locale = {
  "Number.prototype.toLocaleString": () => (12_345.6).toLocaleString(),
  "BigInt.prototype.toLocaleString": () => 12_345n.toLocaleString(),
  "Array.prototype.toLocaleString": () => [1.5].toLocaleString(),
  localeCompare: () => ["ä", "z", "i", "I", "ı"].sort((a, b) => a.localeCompare(b)).join(""),
  toLocaleUpperCase: () => "i".toLocaleUpperCase(),
  toLocaleLowerCase: () => "I".toLocaleLowerCase(),
  "Intl.NumberFormat": () => new Intl.NumberFormat().format(12_345.6),
  "Intl.Collator": () => new Intl.Collator().compare("ä", "z"),
  "Intl.PluralRules": () => new Intl.PluralRules().select(1),
  "Intl.Segmenter": () => [...new Intl.Segmenter().segment("ab")].length,
  "navigator.language": () => all.navigator.language,
};

/** @type {Record<string, () => unknown>} */
const environment = {
  "process.pid": () => process.pid,
  "process.env": () => process.env.TZ,
  "process.argv": () => process.argv.length,
  "process.cwd": () => process.cwd(),
  "process.version": () => process.version,
  "process.platform": () => process.platform,
  "process.memoryUsage": () => process.memoryUsage().heapUsed,
  "navigator.hardwareConcurrency": () => all.navigator.hardwareConcurrency,
  fetch: () => typeof fetch("http://127.0.0.1:1").catch(() => {}),
  WebSocket: () => new all.WebSocket("ws://127.0.0.1:1"),
  "import.meta.url": () => import.meta.url,
  "stack of an error": () => new Error("x").stack,
  "captured stack": () => {
    const target = { stack: "" };
    Error.captureStackTrace(target);
    return target.stack;
  },
  WeakRef: () => new WeakRef({}).deref() === undefined,
  FinalizationRegistry: () => typeof new FinalizationRegistry(() => {}),
  SharedArrayBuffer: () => new SharedArrayBuffer(1).byteLength,
  WebAssembly: () => typeof all.WebAssembly.Memory,
  "text as code": () => new Function("return typeof process")(),
  eval: () => all.eval("typeof process"),
  "a constructor's constructor": () => new Date(0).constructor.constructor("return typeof process")(),
};

/** @type {Record<string, () => unknown>} */
const engine = {
  "a power": () => Array.from({ length: 200 }, (_, index) => (1 + index / 33) ** 2.5).join(),
  "Math.pow": () => Array.from({ length: 200 }, (_, index) => 1.06 ** (index / 7)).join(),
  "bits of NaN": () => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, -Number.NaN);
    return view.getUint32(0);
  },
  "names of what is there": () => Object.getOwnPropertyNames(globalThis).sort().join(),
  "methods of sets": () => Object.getOwnPropertyNames(Set.prototype).sort().join(),
  "iterator helpers": () => typeof (/** @type {any} */ ([].values()).map),
  "last match": () => /** @type {any} */ (RegExp).$1,
};

/** By name. */
export const sources = { ...chance, ...clock, ...zone, ...locale, ...environment, ...engine };
export const chanceNames = Object.keys(chance);

// As modules take hold of functions when they are loaded.
const { random, pow } = Math;
const MyDate = Date;
const { now } = Date;
const randomUUID = crypto.randomUUID.bind(crypto);
const getRandomValues = crypto.getRandomValues.bind(crypto);
const { localeCompare, toLocaleUpperCase } = String.prototype;
const { getHours, toString: dateText } = Date.prototype;
const later = setTimeout;
const { randomBytes } = nodeCrypto;

/** @type {Record<string, () => unknown>} */
export const captured = {
  "Math.random": () => random(),
  "Math.pow": () => Array.from({ length: 50 }, (_, index) => pow(1.06, index / 7)).join(),
  "Date.now": () => now(),
  "new Date": () => Number(new MyDate()),
  "crypto.randomUUID": () => randomUUID(),
  "crypto.getRandomValues": () => [...getRandomValues(new Uint8Array(4))],
  "node:crypto randomBytes": () => randomBytes(4).toString("hex"),
  localeCompare: () => localeCompare.call("ä", "z"),
  toLocaleUpperCase: () => toLocaleUpperCase.call("i"),
  getHours: () => getHours.call(new MyDate(0)),
  "Date.prototype.toString": () => dateText.call(new MyDate(0)),
  setTimeout: () => typeof later(() => {}, 1),
};

// Bundled before every module that runs in a realm: Node's Buffer, on the realm's own arrays.
import { Buffer } from "buffer/index.js";

type From = (source: unknown, encoding?: unknown, length?: number) => Buffer;
type ToString = (this: Buffer, encoding?: string, start?: number, end?: number) => string;

const from = Buffer.from as From;
const { isEncoding } = Buffer;
const { toString: nativeText } = Buffer.prototype as { toString: ToString };

const isBase64Url = (encoding: unknown) => /^base64url$/i.test(String(encoding));

Buffer.from = ((source, encoding, length) =>
  from(
    source,
    typeof source === "string" && isBase64Url(encoding) ? "base64" : encoding,
    length,
  )) as From as typeof Buffer.from;
Buffer.isEncoding = ((encoding: string) =>
  isBase64Url(encoding) || isEncoding(encoding)) as typeof isEncoding;
Buffer.prototype.toString = function (this: Buffer, encoding, start, end) {
  if (!isBase64Url(encoding)) return Reflect.apply(nativeText, this, [encoding, start, end]) as string;
  const text = Reflect.apply(nativeText, this, ["base64", start, end]) as string;
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
} as ToString;
Object.defineProperty(globalThis, "Buffer", { value: Buffer, writable: false, configurable: false });

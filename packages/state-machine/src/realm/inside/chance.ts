import type { Kit, Outside } from "./kit.js";

/** Evaluated inside. Chance is seeded by the command's place in the log while one runs, and throws otherwise. */
export function installChance({ NotDeterministic, fix }: Kit, outside: Outside): object {
  const instead = "context.random() or context.uuid()";
  const maxBytes = 65_536;

  const bytesOf = (what: string, view: unknown): Uint8Array => {
    if (!ArrayBuffer.isView(view))
      throw new TypeError(`${what}: expected a typed array, found ${typeof view}`);
    if (view.byteLength > maxBytes)
      throw new RangeError(`${what}: expected at most ${maxBytes} bytes, found ${view.byteLength}`);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  const fill = <View>(what: string, view: View): View => {
    if (!outside.fillWithChance(bytesOf(what, view))) throw new NotDeterministic(what, instead);
    return view;
  };
  const uuid = () => {
    const bytes = fill("crypto.randomUUID()", new Uint8Array(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };
  const random = () => {
    const number = outside.random();
    if (number === undefined) throw new NotDeterministic("Math.random()", instead);
    return number;
  };
  fix(Math, "random", random);
  const crypto = Object.freeze({
    getRandomValues: <View>(view: View): View => fill("crypto.getRandomValues()", view),
    randomUUID: uuid,
  });
  fix(globalThis, "crypto", crypto);

  /** From `low`, included, to `high`, excluded. */
  const randomInt = (first: number, second?: number): number => {
    const [low, high] = second === undefined ? [0, first] : [first, second];
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || high <= low)
      throw new RangeError(
        `crypto.randomInt: expected whole numbers, the second larger, found ${low} and ${high}`,
      );
    return low + Math.floor(random() * (high - low));
  };
  type BufferMaker = { alloc(length: number): Uint8Array };
  const randomBytes = (length: number) => {
    const { Buffer: maker } = globalThis as unknown as { Buffer: BufferMaker };
    return fill("crypto.randomBytes()", maker.alloc(length));
  };
  const randomFillSync = <View>(view: View): View => fill("crypto.randomFillSync()", view);
  return { ...crypto, webcrypto: crypto, randomInt, randomBytes, randomFillSync };
}

import type { Command } from "@synod/core";

export const fingerprintBytes = 8;

/**
 * 64 bits that tell two requests apart: two lanes of MurmurHash3 with their own seeds. It guards a client against its
 * own mistake of using a sequence twice; whoever forges a collision only gets an answer that it was given already. Stored
 * with every answer, so another hash would be another format of the state.
 */
export function requestFingerprint(command: Command): Uint8Array {
  const { length } = command.request;
  const bytes = new Uint8Array(fingerprintBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, lane(command, length, 0xcc9e2d51, 0x1b873593));
  view.setUint32(4, lane(command, ~length, 0x239b961b, 0xab0e9789));
  return bytes;
}

/** Numbers in locals only, no closure: a 32-bit number that a closure shares is allocated anew at every change. */
function lane({ service, method, request }: Command, seed: number, first: number, second: number): number {
  let hash = seed;
  for (let index = 0; index < service.length; index++)
    hash = round(hash, service.charCodeAt(index), first, second);
  hash = round(hash, 0x10000, first, second);
  for (let index = 0; index < method.length; index++)
    hash = round(hash, method.charCodeAt(index), first, second);
  hash = round(hash, 0x10000, first, second);
  const whole = request.length & ~3;
  for (let index = 0; index < whole; index += 4) {
    const low = (request[index] as number) | ((request[index + 1] as number) << 8);
    const high = (request[index + 2] as number) | ((request[index + 3] as number) << 8);
    hash = round(hash, low | (high << 16), first, second);
  }
  for (let index = whole; index < request.length; index++)
    hash = round(hash, request[index] as number, first, second);
  return finish(hash);
}

function round(hash: number, word: number, first: number, second: number): number {
  const mixed = Math.imul(word, first);
  const next = hash ^ Math.imul((mixed << 15) | (mixed >>> 17), second);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

// What an acceptor's records look like on disk, written a second time from the description in packages/storage, so that a
// trace can be searched for them and a mistake there is not repeated here unseen.
import { crc32 } from "node:zlib";

/** @typedef {import("@synod/core").Ballot} Ballot */
/** @typedef {import("@synod/core").PValue} PValue */

const format = 1;
const promiseKey = Buffer.from("promise", "latin1");

/** Seven bits a byte, least first. @param {number} value */
function integer(value) {
  const bytes = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** @param {Uint8Array | string} value */
function bytes(value) {
  const content = Buffer.from(value);
  return Buffer.concat([integer(content.length), content]);
}

/** @param {Ballot} ballot */
function ballotBytes({ round, leader, incarnation }) {
  return Buffer.concat([integer(round), bytes(leader), integer(incarnation)]);
}

/** The checksum covers the key, so a record's bytes are those of one key and one content only. @param {Uint8Array} key @param {Buffer} content */
function sealed(key, content) {
  const head = Buffer.alloc(5);
  head[0] = format;
  head.writeUInt32LE(crc32(content, crc32(key)), 1);
  return Buffer.concat([head, content]);
}

/** @param {Ballot} ballot */
export function promiseRecord(ballot) {
  return sealed(promiseKey, ballotBytes(ballot));
}

/** @param {PValue} pvalue */
export function pvalueRecord({ ballot, slot, value }) {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(slot));
  if (value.kind === "no-op") return sealed(key, Buffer.concat([ballotBytes(ballot), Buffer.from([0])]));
  if (value.kind !== "batch")
    throw new Error(`slot ${slot}: expected a batch or a no-op, found ${value.kind}`);
  const { replica, incarnation, number } = value.proposal;
  return sealed(
    key,
    Buffer.concat([
      ballotBytes(ballot),
      Buffer.from([1]),
      bytes(replica),
      integer(incarnation),
      integer(number),
      bytes(value.commands),
    ]),
  );
}

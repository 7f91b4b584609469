// What an acceptor's records look like on disk, written a second time from the descriptions in packages/storage and
// proto/synod/v1/paxos.proto, so that a trace can be searched for them and a mistake there is not repeated here unseen.
import { crc32 } from "node:zlib";

/** @typedef {import("@synod/core").Ballot} Ballot */
/** @typedef {import("@synod/core").PValue} PValue */

const format = 1;
const promiseKey = Buffer.from("promise", "latin1");

/** Seven bits a byte, least first. @param {number} value */
function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A field of a message that holds a number. @param {number} field @param {number} value */
function number(field, value) {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

/** A field of a message that holds text, bytes or a message. @param {number} field @param {Uint8Array | string} value */
function bytes(field, value) {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
}

/** synod.v1.Ballot. @param {Ballot} ballot */
function ballotBytes({ round, leader, incarnation }) {
  return Buffer.concat([number(1, round), bytes(2, leader), number(3, incarnation)]);
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
  const content = [bytes(1, ballotBytes(ballot)), number(2, slot), bytes(3, valueBytes(slot, value))];
  return sealed(key, Buffer.concat(content));
}

/** synod.v1.Value. @param {number} slot @param {PValue["value"]} value */
function valueBytes(slot, value) {
  if (value.kind === "no-op") return bytes(4, "");
  if (value.kind !== "batch")
    throw new Error(`slot ${slot}: expected a batch or a no-op, found ${value.kind}`);
  const { replica, incarnation, number: proposed } = value.proposal;
  const proposal = Buffer.concat([bytes(1, replica), number(2, incarnation), number(3, proposed)]);
  return Buffer.concat([bytes(1, proposal), bytes(2, value.commands)]);
}

import * as check from "./check.js";
import { type Codec, codec } from "./codec.js";
import { messageType } from "./descriptors.js";
import type * as wire from "./gen-types.js";
import { shown, WireError } from "./wire-error.js";

/** Asks for the replicated state as it was after one slot. */
export interface SnapshotRequest {
  /** Empty: any. */
  readonly clusterId: string;
  /** Only a snapshot of a slot above this one is of use. */
  readonly above: number;
  /** To go on with a snapshot of which a part has arrived. */
  readonly resume: SnapshotPosition | undefined;
  /** The replica that wants to go on from it; empty: it is for a backup. */
  readonly member: string;
  /** The state of a replica that has stopped, for a person. */
  readonly stopped?: boolean;
}

export interface SnapshotPosition {
  /** Name of the snapshot. */
  readonly snapshot: string;
  /** The last key that has arrived, and the digest of the page that it came with. */
  readonly after: Uint8Array;
  readonly digest: Uint8Array;
}

/** A page of the state, in the order of its keys. */
export interface SnapshotPage {
  readonly snapshot: string;
  readonly slot: number;
  readonly clusterId: string;
  readonly entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  /** Of everything up to the end of this page. */
  readonly digest: Uint8Array;
  readonly last: boolean;
  /** The highest slot at which a majority had reported the hash that the giver has there; 0: none yet. */
  readonly confirmed: number;
  /** The part of the snapshot up to the end of this page; absent where the sender does not say. */
  readonly through?: SnapshotPart | undefined;
}

/** A part of a snapshot from its beginning on. */
export interface SnapshotPart {
  readonly rows: number;
  /** The rows of all of the snapshot. */
  readonly ofRows: number;
  /** Of keys and values. */
  readonly bytes: number;
}

export const digestBytes = 32;
const maxKeyBytes = 4096;
const maxValueBytes = 4 << 20;
const maxEntries = 10_000;

function digest(value: Uint8Array | string | undefined, field: string): Uint8Array {
  const bytes = check.bytes(value, field, digestBytes);
  if (bytes.length === digestBytes) return bytes;
  throw new WireError(field, `${digestBytes} bytes`, shown(bytes));
}

export const snapshotRequest: Codec<SnapshotRequest> = codec(
  messageType<wire.SnapshotRequest>("synod.v1.SnapshotRequest"),
  {
    toWire: ({ clusterId, above, resume, member, stopped = false }) => ({
      stopped,
      clusterId,
      member,
      above: check.checked(above, "SnapshotRequest.above"),
      ...resume,
    }),
    fromWire: (message, field) => {
      const snapshot = check.optionalId(message?.snapshot, `${field}.snapshot`);
      return {
        clusterId: check.optionalId(message?.clusterId, `${field}.cluster_id`),
        above: check.integer(message?.above, `${field}.above`),
        member: check.optionalId(message?.member, `${field}.member`),
        stopped: message?.stopped ?? false,
        resume:
          snapshot === ""
            ? undefined
            : {
                snapshot,
                after: check.bytes(message?.after, `${field}.after`, maxKeyBytes),
                digest: digest(message?.digest, `${field}.digest`),
              },
      };
    },
  },
);

function part(found: wire.SnapshotPage, field: string): Pick<SnapshotPage, "through"> {
  const ofRows = check.integer(found.rows, `${field}.rows`);
  const rows = check.integer(found.rowsThrough, `${field}.rows_through`);
  const bytes = check.integer(found.bytesThrough, `${field}.bytes_through`);
  return ofRows === 0 ? {} : { through: { rows, ofRows, bytes } };
}

export const snapshotPage: Codec<SnapshotPage> = codec(
  messageType<wire.SnapshotPage>("synod.v1.SnapshotPage"),
  {
    toWire: (page) => ({
      snapshot: page.snapshot,
      slot: check.checked(page.slot, "SnapshotPage.slot"),
      clusterId: page.clusterId,
      entries: page.entries.map(([key, value]) => ({ key, value })) as NonNullable<
        wire.SnapshotPage["entries"]
      >,
      digest: page.digest as Buffer,
      last: page.last,
      confirmed: check.checked(page.confirmed, "SnapshotPage.confirmed"),
      rows: check.checked(page.through?.ofRows ?? 0, "SnapshotPage.rows"),
      rowsThrough: check.checked(page.through?.rows ?? 0, "SnapshotPage.rows_through"),
      bytesThrough: check.checked(page.through?.bytes ?? 0, "SnapshotPage.bytes_through"),
    }),
    fromWire: (message, field) => {
      const found = check.present(message, field);
      return {
        snapshot: check.id(found.snapshot, `${field}.snapshot`),
        slot: check.slot(found.slot, `${field}.slot`),
        clusterId: check.id(found.clusterId, `${field}.cluster_id`),
        entries: check.list(found.entries, `${field}.entries`, maxEntries, (entry, at) => [
          check.bytes(entry?.key, `${at}.key`, maxKeyBytes),
          check.bytes(entry?.value, `${at}.value`, maxValueBytes),
        ]),
        digest: digest(found.digest, `${field}.digest`),
        last: found.last ?? false,
        confirmed: check.integer(found.confirmed, `${field}.confirmed`),
        ...part(found, field),
      };
    },
  },
);

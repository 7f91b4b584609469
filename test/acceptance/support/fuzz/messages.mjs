// Messages made from descriptors and chance: from those that a careful peer could send to those that nobody should.

import { pick } from "../flags.mjs";
import { delimited, fixed, noise, tag, varint, wireType } from "./bytes.mjs";

/**
 * @typedef {import("./rpcs.mjs").Field} Field
 * @typedef {import("./rpcs.mjs").Served} Served
 * @typedef {{ byField: Record<string, string[]>, any: string[] }} Words names that mean something to the processes
 */

const mostNested = 6;

/** @type {Record<string, { type: number, width?: 4 | 8 }>} */
const scalars = {
  TYPE_DOUBLE: { type: wireType.fixed64, width: 8 },
  TYPE_FIXED64: { type: wireType.fixed64, width: 8 },
  TYPE_SFIXED64: { type: wireType.fixed64, width: 8 },
  TYPE_FLOAT: { type: wireType.fixed32, width: 4 },
  TYPE_FIXED32: { type: wireType.fixed32, width: 4 },
  TYPE_SFIXED32: { type: wireType.fixed32, width: 4 },
  TYPE_STRING: { type: wireType.bytes },
  TYPE_BYTES: { type: wireType.bytes },
  TYPE_MESSAGE: { type: wireType.bytes },
};

/** Where implementations change their minds about an integer. */
const boundaries = [7n, 8n, 15n, 16n, 31n, 32n, 52n, 53n, 62n, 63n, 64n].flatMap((bit) => [
  2n ** bit - 1n,
  2n ** bit,
  -(2n ** bit),
]);

const textsNobodyShouldSend = [
  Buffer.from([0xc3, 0x28]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xff]),
  Buffer.from("\0"),
  Buffer.from("\u{1f600}\u202e\n\r\t"),
  // Cut anywhere, as in an error that quotes it, it leaves half a character.
  Buffer.from(`a${"\u{1f600}".repeat(200)}`),
  Buffer.from("no name"),
  Buffer.from("../../../etc/passwd"),
  Buffer.from("__proto__"),
  Buffer.from("constructor"),
  Buffer.from("hasOwnProperty"),
];

export class Messages {
  #draw;
  #served;
  #words;

  /** @param {() => number} draw @param {Served} served @param {Words} words */
  constructor(draw, served, words) {
    this.#draw = draw;
    this.#served = served;
    this.#words = words;
  }

  /**
   * A message of a type.
   * @param {string} type full name, with its leading dot
   * @param {number} wildness 0 for what makes sense field by field, 1 for anything in any number
   */
  of(type, wildness, depth = 0) {
    const fields = this.#served.types.get(type)?.fields ?? [];
    const parts = this.#chosen(fields, wildness).map((field) => this.field(field, wildness, depth));
    return Buffer.concat(parts);
  }

  /** One field with its tag. @param {Field} field @param {number} wildness */
  field(field, wildness, depth = 0) {
    const { type, width } = scalars[field.type] ?? { type: wireType.varint };
    const content =
      type === wireType.bytes ? this.#content(field, wildness, depth) : this.#integer(field, wildness);
    if (Buffer.isBuffer(content)) return delimited(field.number, content);
    return Buffer.concat([tag(field.number, type), width ? fixed(content, width) : varint(content)]);
  }

  /** The fields that are set, a repeated one or a wild one several times. @param {Field[]} fields @param {number} wildness */
  #chosen(fields, wildness) {
    /** @type {Map<number, Field[]>} */
    const oneofs = new Map();
    /** @type {Field[]} */
    const chosen = [];
    for (const field of fields) {
      if (field.oneofIndex !== undefined && !this.#wild(wildness))
        oneofs.set(field.oneofIndex, [...(oneofs.get(field.oneofIndex) ?? []), field]);
      else if (this.#draw() < 0.98 - wildness / 2) chosen.push(...this.#several(field, wildness));
    }
    for (const members of oneofs.values()) if (this.#draw() < 0.97) chosen.push(pick(this.#draw, members));
    return chosen;
  }

  /** @param {Field} field @param {number} wildness @returns {Field[]} */
  #several(field, wildness) {
    const repeated = field.label === "LABEL_REPEATED" || this.#wild(wildness);
    return Array.from({ length: repeated ? Math.ceil(this.#draw() * 3) : 1 }, () => field);
  }

  /** @param {Field} field @param {number} wildness @param {number} depth @returns {Buffer} */
  #content(field, wildness, depth) {
    if (field.type === "TYPE_MESSAGE")
      return depth < mostNested ? this.of(String(field.typeName), wildness, depth + 1) : Buffer.alloc(0);
    if (this.#wild(wildness))
      return this.#draw() < 0.7 ? pick(this.#draw, textsNobodyShouldSend) : this.#noise();
    const words = this.#words.byField[field.name];
    if (field.type === "TYPE_STRING") return Buffer.from(pick(this.#draw, words ?? this.#words.any));
    if (words && this.#draw() < 0.3) return Buffer.from(pick(this.#draw, words));
    // Bytes often are a message of some other type.
    const type = pick(this.#draw, [...this.#served.types.keys()]);
    return this.#draw() < 0.5 && depth < mostNested ? this.of(type, wildness, depth + 1) : this.#noise();
  }

  /** @param {Field} field @param {number} wildness @returns {bigint} */
  #integer(field, wildness) {
    const draw = this.#draw;
    if (this.#wild(wildness)) return pick(draw, boundaries);
    if (field.type === "TYPE_ENUM")
      return BigInt(pick(draw, this.#served.enums.get(String(field.typeName)) ?? [0]));
    if (/_version$/.test(field.name) || draw() < 0.4) return 1n;
    return BigInt(Math.floor(draw() * 21));
  }

  #noise() {
    return noise(this.#draw, Math.floor(this.#draw() ** 3 * 300));
  }

  /** @param {number} wildness */
  #wild(wildness) {
    return this.#draw() < wildness;
  }
}

import type { RealmValues } from "./realm-values.js";
import { setToDefaultKey } from "./set-to-default.js";
import type { FieldShape, MessageShape } from "./shapes.js";
import { unknownFieldsKey } from "./unknown-fields.js";

/*
 * Functions that put objects together and take them apart, compiled for each message in the realm of its objects: all
 * decoded objects of a message then have few hidden classes, and their properties always the same order, whatever the
 * order on the wire.
 */

/** True when a field that is not set has its default in the object; others are null, or not there. */
export function readsAsDefault({ cardinality, presence, type }: FieldShape): boolean {
  return cardinality === "singular" && presence !== "explicit" && type.kind !== "message";
}

/** True when an object has the field only when it is set. Messages outside of oneofs are null when they are not. */
export function mayBeAbsent({ cardinality, presence, type, oneof }: FieldShape): boolean {
  return (
    cardinality === "singular" && presence === "explicit" && (type.kind !== "message" || oneof !== undefined)
  );
}

/**
 * Makes an object from the values of a message's fields, in order of their numbers, undefined where they are not set; and
 * behind them from the texts of its unknown fields, and of those that are set to their default.
 *
 * @param absent makes the values of fields that read as their default
 */
export function assembler(
  { fields }: MessageShape,
  absent: readonly ((() => unknown) | undefined)[],
  { evaluate }: RealmValues,
): (values: readonly unknown[]) => object {
  const always = fields.flatMap((field, index) =>
    mayBeAbsent(field)
      ? []
      : `${quoted(field.name)}: v[${index}] === undefined ? ${absentValue(field, index)} : v[${index}],`,
  );
  const whenSet = fields.flatMap((field, index) => {
    if (!mayBeAbsent(field)) return [];
    const choice = field.oneof && `o[${quoted(field.oneof.name)}] = ${quoted(field.name)};`;
    return `if (v[${index}] !== undefined) {
      o[${quoted(field.name)}] = v[${index}];
      ${choice ?? ""}
    }`;
  });
  const [unknown, setToDefault] = [fields.length, fields.length + 1];
  const make = evaluate(`((create, unknown, setToDefault) => (absent) => (v) => {
    const o = { ${always.join("\n")} };
    ${whenSet.join("\n")}
    if (v[${unknown}] !== undefined) o[unknown] = v[${unknown}];
    if (v[${setToDefault}] !== undefined) o[setToDefault] = v[${setToDefault}];
    return o;
  })(Object.create, ${symbols})`);
  return (make as (absent: unknown) => (values: readonly unknown[]) => object)(absent);
}

const symbols = [unknownFieldsKey, setToDefaultKey].map((key) => `Symbol.for(${quoted(key)})`).join(", ");

/** Source of what an object has for a field that is not set. */
function absentValue(field: FieldShape, index: number): string {
  if (field.cardinality === "repeated") return "[]";
  if (field.cardinality === "map") return "create(null)";
  return readsAsDefault(field) ? `absent[${index}]()` : "null";
}

/**
 * The values of an object's fields, in order of their numbers, and then the texts of its unknown fields, and of those that are
 * set to their default.
 */
export function takingApart(
  { fields }: MessageShape,
  { evaluate }: RealmValues,
): (message: object) => readonly unknown[] {
  const values = fields.map(({ name }) => `m[${quoted(name)}],`);
  return evaluate(
    `((unknown, setToDefault) => (m) => [${values.join("")} m[unknown], m[setToDefault]])(${symbols})`,
  ) as (message: object) => readonly unknown[];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

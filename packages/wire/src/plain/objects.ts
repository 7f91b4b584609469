import type { RealmValues } from "./realm-values.js";
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

/**
 * Makes an object from the values of a message's fields, in order of their numbers, undefined where they are not set; and
 * from the text of its unknown fields behind them.
 *
 * @param absent makes the values of fields that read as their default
 */
export function assembler(
  { fields, oneofs }: MessageShape,
  absent: readonly ((() => unknown) | undefined)[],
  { evaluate }: RealmValues,
): (values: readonly unknown[]) => object {
  const always = fields.map((field, index) => {
    const value = absentValue(field, index);
    return value === undefined
      ? ""
      : `${quoted(field.name)}: v[${index}] === undefined ? ${value} : v[${index}],`;
  });
  const whenSet = oneofs.flatMap(({ name, members }) =>
    members.map((member) => {
      const value = `v[${fields.indexOf(member)}]`;
      return `if (${value} !== undefined) {
        o[${quoted(member.name)}] = ${value};
        o[${quoted(name)}] = ${quoted(member.name)};
      }`;
    }),
  );
  const make = evaluate(`((create, unknown) => (absent) => (v) => {
    const o = { ${always.join("\n")} };
    ${whenSet.join("\n")}
    if (v[${fields.length}] !== undefined) o[unknown] = v[${fields.length}];
    return o;
  })(Object.create, Symbol.for(${quoted(unknownFieldsKey)}))`);
  return (make as (absent: unknown) => (values: readonly unknown[]) => object)(absent);
}

/** Source of what an object has for a field that is not set; undefined when it has nothing. */
function absentValue(field: FieldShape, index: number): string | undefined {
  if (field.cardinality === "repeated") return "[]";
  if (field.cardinality === "map") return "create(null)";
  if (readsAsDefault(field)) return `absent[${index}]()`;
  return field.oneof === undefined ? "null" : undefined;
}

/** The values of an object's fields, in order of their numbers, and then the text of its unknown fields. */
export function takingApart(
  { fields }: MessageShape,
  { evaluate }: RealmValues,
): (message: object) => readonly unknown[] {
  const values = fields.map(({ name, alias }) => {
    const value = `m[${quoted(name)}]`;
    if (alias !== undefined) return `m[${quoted(alias)}] ?? ${value}`;
    // Every object has such a property, if only from its prototype.
    return name in Object.prototype ? `(hasOwn(m, ${quoted(name)}) ? ${value} : undefined)` : value;
  });
  return evaluate(`((hasOwn, unknown) => (m) => [${values.map((value) => `${value},`).join("")} m[unknown]])(
    Object.hasOwn, Symbol.for(${quoted(unknownFieldsKey)}))`) as (message: object) => readonly unknown[];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

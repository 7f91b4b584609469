import type { Kit } from "./kit.js";

/**
 * Evaluated inside. What depends on the machine's locale, or on the tables of the ICU in a Node version, is refused where
 * there is no one right answer, and is what the language defines without a locale where there is.
 */
export function installLocale({ refusing, fix, inherit }: Kit): void {
  const text = String.prototype;
  const { toUpperCase, toLowerCase } = text;
  const comparing = {
    /** By UTF-16 units, as `<` compares. */
    localeCompare(this: unknown, other: unknown): number {
      const [left, right] = [String(this), String(other)];
      if (left === right) return 0;
      return left < right ? -1 : 1;
    },
    toLocaleUpperCase(this: unknown): string {
      return Reflect.apply(toUpperCase, this, []) as string;
    },
    toLocaleLowerCase(this: unknown): string {
      return Reflect.apply(toLowerCase, this, []) as string;
    },
  };
  for (const [name, method] of Object.entries(comparing)) inherit(text, name, method);
  const plain = "String(), toFixed(), or a format of your own";
  const typedArray = Object.getPrototypeOf(Uint8Array) as { prototype: object };
  for (const [name, owner] of Object.entries({
    Number: Number.prototype,
    BigInt: BigInt.prototype,
    Array: Array.prototype,
    TypedArray: typedArray.prototype,
  }))
    inherit(owner, "toLocaleString", refusing(`${name}.prototype.toLocaleString()`, plain));
  const formats: Record<string, unknown> = {};
  for (const name of ["Collator", "DateTimeFormat", "DisplayNames", "DurationFormat", "ListFormat", "Locale"])
    formats[name] = refusing(`Intl.${name}`, plain);
  for (const name of ["NumberFormat", "PluralRules", "RelativeTimeFormat", "Segmenter"])
    formats[name] = refusing(`Intl.${name}`, plain);
  // Constructors: a function made by an arrow cannot be one, and says so in other words.
  for (const [name, refuse] of Object.entries(formats))
    formats[name] = function refused() {
      (refuse as () => never)();
    };
  fix(globalThis, "Intl", Object.freeze(formats));
}

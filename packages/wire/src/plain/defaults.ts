import type { ScalarName } from "./scalar-names.js";

/**
 * The value of `FieldDescriptorProto.default_value`, as a user would write it in an object: "inf", "-inf" and "nan" for
 * numbers, and bytes with C escapes.
 */
export function declaredDefault(scalar: ScalarName, text: string): unknown {
  switch (scalar) {
    case "bool":
      return text === "true";
    case "string":
      return text;
    case "bytes":
      return unescaped(text);
    case "double":
    case "float":
      return numberOf(text);
    default:
      // Exact where a number would not be.
      return text;
  }
}

function numberOf(text: string): number {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

const letters: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };
const escapes = /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))/gs;

function unescaped(text: string): Buffer {
  const latin1 = text.replace(escapes, (_, octal?: string, hex?: string, letter = "") => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255);
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    const code = letters[letter];
    return code === undefined ? letter : String.fromCharCode(code);
  });
  return Buffer.from(latin1, "latin1");
}

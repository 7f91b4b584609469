/*
 * A field that its proto gives a default reads as that default when it is not set. So an object does not show whether it was
 * set to it; but whoever sent the message may ask whether it was, and a build with another default must write the same bytes.
 * Which fields were set to their default travels in the object under a symbol, as unknown fields do: the full name of the
 * message, a zero character, and the numbers of the fields.
 */

/** The key under which a decoded object tells which fields are set to their declared default. The same symbol in every realm. */
export const setToDefaultKey = "synod.setToDefault";

export function setToDefaultText(message: string, numbers: readonly number[]): string {
  return `${message}\0${numbers.join(",")}`;
}

/** The numbers in a text; none when it is of another message, from which the object was copied. */
export function numbersSetToDefault(message: string, text: unknown): ReadonlySet<number> {
  if (typeof text !== "string" || !text.startsWith(`${message}\0`)) return new Set();
  return new Set(
    text
      .slice(message.length + 1)
      .split(",")
      .map(Number),
  );
}

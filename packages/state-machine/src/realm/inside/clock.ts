import type { Kit, Outside } from "./kit.js";

/**
 * Evaluated inside. The present is log time while a command or query runs, and throws otherwise. What a Date says of local
 * time, and how it reads a text that names no zone, is UTC on every machine.
 */
export function installClock({ NotDeterministic, refusing, fix, inherit }: Kit, outside: Outside): void {
  const NativeDate = Date;
  const prototype = NativeDate.prototype as unknown as Record<PropertyKey, unknown>;
  const { parse: nativeParse, UTC } = NativeDate;
  const clock = "context.time";

  const now = (what: string): number => {
    const timeMs = outside.timeMs();
    if (timeMs === undefined) throw new NotDeterministic(what, clock);
    return timeMs;
  };

  const isoLocal = /^\s*[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d+)?)?\s*$/;
  const isoDate = /^\s*[+-]?\d{4,6}(-\d\d(-\d\d)?)?\s*$/;
  const zoned = /Z\s*$|\b(Z|GMT|UTC?|[ECMP][SD]T)\b|:\d\d(\.\d+)?\s*([AP]M)?\s*[+-]\d/i;
  /** A text without a zone is read as UTC, where the native function would take the machine's zone. */
  const parse = (value: unknown): number => {
    const text = String(value);
    if (isoLocal.test(text)) return nativeParse(`${text.trim()}Z`);
    return isoDate.test(text) || zoned.test(text) ? nativeParse(text) : nativeParse(`${text} GMT`);
  };

  const milliseconds = (parts: readonly unknown[]): number => {
    if (parts.length > 1) return Reflect.apply(UTC, undefined, parts) as number;
    const [part] = parts;
    if (part instanceof NativeDate) return Reflect.apply(NativeDate.prototype.getTime, part, []) as number;
    const value: unknown = Object(part) === part ? (part as object).valueOf() : part;
    if (typeof value === "string" || Object(value) === value) return parse(value);
    return Number(value);
  };

  const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (number: number) => String(number).padStart(2, "0");
  const isInvalid = (date: Date) => Number.isNaN(date.getTime());
  const dateText = (date: Date) => {
    const year = date.getUTCFullYear();
    const digits = `${year < 0 ? "-" : ""}${String(Math.abs(year)).padStart(4, "0")}`;
    return `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${two(date.getUTCDate())} ${digits}`;
  };
  const timeText = (date: Date) =>
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} GMT+0000 (Coordinated Universal Time)`;
  const method = (name: string, work: (date: Date) => unknown) =>
    inherit(
      prototype,
      name,
      {
        [name](this: Date) {
          return work(this);
        },
      }[name],
    );

  for (const part of ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"])
    for (const way of ["get", "set"]) {
      const utc = prototype[`${way}UTC${part}`];
      if (utc !== undefined) inherit(prototype, `${way}${part}`, utc);
    }
  method("getTimezoneOffset", (date) => (isInvalid(date) ? Number.NaN : 0));
  method("getYear", (date) => date.getUTCFullYear() - 1900);
  inherit(prototype, "setYear", function setYear(this: Date, year: number) {
    return this.setUTCFullYear(year >= 0 && year <= 99 ? 1900 + Math.trunc(year) : year);
  });
  method("toDateString", (date) => (isInvalid(date) ? "Invalid Date" : dateText(date)));
  method("toTimeString", (date) => (isInvalid(date) ? "Invalid Date" : timeText(date)));
  const text = (date: Date) => (isInvalid(date) ? "Invalid Date" : `${dateText(date)} ${timeText(date)}`);
  method("toString", text);
  for (const name of ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"])
    inherit(prototype, name, refusing(`Date.prototype.${name}()`, "toISOString(), or a format of your own"));

  function RealmDate(...parts: unknown[]): unknown {
    const what = new.target === undefined ? "Date()" : "new Date()";
    const value = new.target === undefined || parts.length === 0 ? now(what) : milliseconds(parts);
    const date = Reflect.construct(NativeDate, [value], new.target ?? NativeDate) as Date;
    return new.target === undefined ? text(date) : date;
  }
  Object.defineProperties(RealmDate, {
    name: { value: "Date", configurable: true },
    length: { value: 7, configurable: true },
    prototype: { value: prototype, writable: false },
    now: { value: () => now("Date.now()"), enumerable: false },
    parse: { value: parse, enumerable: false },
    UTC: { value: UTC, enumerable: false },
  });
  inherit(prototype, "constructor", RealmDate);
  fix(globalThis, "Date", RealmDate);
  const performance = {
    now: refusing("performance.now()", clock),
    mark: refusing("performance.mark()", clock),
  };
  fix(globalThis, "performance", Object.freeze(performance));
}

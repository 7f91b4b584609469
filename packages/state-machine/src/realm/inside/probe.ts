/** Evaluated inside: computes what engines and their libraries might compute differently, and tells all of it as texts. */
export function probe(tell: (text: string) => void): void {
  let state = 12_345;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 0;
  };
  const view = new DataView(new ArrayBuffer(8));
  const bits = (number: number) => {
    view.setFloat64(0, number);
    return view.getBigUint64(0).toString(36);
  };
  const anyNumber = () => {
    view.setUint32(0, next());
    view.setUint32(4, next());
    return view.getFloat64(0);
  };
  const special = [
    0,
    -0,
    1,
    -1,
    0.5,
    2,
    Math.PI,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ];
  const numbers = [...special];
  for (let count = 0; count < 120; count++) numbers.push(anyNumber(), (next() / 2 ** 32 - 0.5) * 40);

  const math = Math as unknown as Record<string, (...parameters: number[]) => number>;
  for (const name of Object.getOwnPropertyNames(Math).sort()) {
    const work = math[name];
    if (typeof work !== "function" || name === "random") continue;
    const results = numbers.map((number, index) =>
      bits(work(number, numbers[(index * 7 + 3) % numbers.length] ?? 0)),
    );
    tell(`${name} ${results.join()}`);
  }
  for (const number of numbers) {
    const digits = [
      String(number),
      number.toExponential(5),
      number.toPrecision(7),
      number.toFixed(3),
      number.toString(7),
    ];
    tell(
      `${digits.join()} ${bits(Number.parseFloat(number.toPrecision(17)))} ${bits(number % 3.7)} ${number | 0}`,
    );
  }

  const letters = /\p{L}/u;
  const others = [
    /\p{N}/u,
    /\p{P}/u,
    /\p{S}/u,
    /\p{Z}/u,
    /\p{M}/u,
    /\p{ID_Start}/u,
    /\p{Emoji}/u,
    /\s/,
    /\w/iu,
  ];
  let cases = "";
  for (let point = 0; point < 0x1f000; point += 1) {
    if (point >= 0xd800 && point < 0xe000) continue;
    // Ideographs and syllables by the thousand say the same; a sample does.
    if (point > 0x3400 && point < 0xa000 && point % 64 !== 0) continue;
    if (point > 0xac00 && point < 0xd7a4 && point % 64 !== 0) continue;
    if (point > 0x11000 && point % 8 !== 0) continue;
    const text = String.fromCodePoint(point);
    const upper = text.toUpperCase();
    const lower = text.toLowerCase();
    const split = text.normalize("NFKD");
    const classes =
      (letters.test(text) ? 1 : 0) + (point % 8 === 0 ? others.findIndex((each) => each.test(text)) + 2 : 0);
    if (upper !== text || lower !== text || split !== text || classes !== 0)
      cases += `${upper}${lower}${split}${classes}`;
    if (cases.length > 65_536) {
      tell(cases);
      cases = "";
    }
  }
  tell(cases);

  const texts = numbers.map((number) => String(number));
  tell(texts.sort().join());
  tell(
    [...numbers]
      .sort((left, right) => left - right)
      .map(bits)
      .join(),
  );
  tell([...texts].sort((left, right) => left.localeCompare(right)).join());
  const dates = [
    "2020-02-29",
    "2020-02-29T10:20:30",
    "Feb 29 2020 10:20",
    "Sat, 29 Feb 2020 10:20:30 GMT",
    "2020/2/29",
    "x",
  ];
  for (const date of dates) tell(`${Date.parse(date)} ${String(new Date(date))}`);
  tell(
    JSON.stringify({
      b: [1e21, 1e-7, "\u2028\ud800", new Date(0)],
      a: { 2: 0, 1: undefined, x: null },
      10: true,
    }),
  );
  tell(
    "aBcß ǅ"
      .split(/(?<=b)|(?=ß)/i)
      .concat("x1y22".replace(/\d+/g, "<$&>"))
      .join(),
  );
  for (const owner of [
    Object,
    Array.prototype,
    String.prototype,
    Map.prototype,
    Set.prototype,
    Promise,
    globalThis,
  ])
    tell(Object.getOwnPropertyNames(owner).sort().join());
}

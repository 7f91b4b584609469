import type { Kit } from "./kit.js";

/**
 * Evaluated inside. V8 computes powers by another method in each of its versions (`1.06 ** 2.5` differs in its last bit
 * between Node 22 and 24), so the realm brings its own: the algorithm of fdlibm's e_pow.c (Sun Microsystems, 1993;
 * http://www.netlib.org/fdlibm/e_pow.c) without its series for a base next to 1, which is the less precise there. Bundles have no `**` but call
 * this, also for bigints. Not a number is always written with the same bits.
 */
export function installMath({ fix, inherit }: Kit): void {
  const double = new Float64Array(1);
  const words = new Int32Array(double.buffer);
  const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const [highWord, lowWord] = isLittle ? [1, 0] : [0, 1];
  const high = (x: number): number => {
    double[0] = x;
    return words[highWord] as number;
  };
  const low = (x: number): number => {
    double[0] = x;
    return words[lowWord] as number;
  };
  const withHigh = (x: number, word: number): number => {
    double[0] = x;
    words[highWord] = word;
    return double[0] as number;
  };
  const withoutLow = (x: number): number => {
    double[0] = x;
    words[lowWord] = 0;
    return double[0] as number;
  };
  /** x × 2^n, for a result that may be subnormal. */
  const scaled = (x: number, n: number): number => {
    const twoTo54 = 2 ** 54;
    const exponent = ((high(x) >> 20) & 0x7ff) + n;
    if (exponent > 0) return withHigh(x, (high(x) & 0x800fffff) | (exponent << 20));
    if (exponent <= -54) return x > 0 ? 0 : -0;
    return withHigh(x, (high(x) & 0x800fffff) | ((exponent + 54) << 20)) / twoTo54;
  };

  const huge = 1e300;
  const tiny = 1e-300;
  const oddness = (y: number, iy: number, hy: number): number => {
    // 0: not an integer, 1: odd, 2: even
    if (iy >= 0x43400000) return 2;
    if (iy < 0x3ff00000) return 0;
    return Number.isInteger(y) ? 2 - Math.abs(hy === 0 ? 0 : y % 2) : 0;
  };

  /** The logarithm of x > 0 to base 2, in two parts. */
  const logarithm = (x: number): readonly [number, number] => {
    const cp = 0.9617966939259756;
    const cpHigh = 0.9617967009544373;
    const cpLow = -7.028461650952758e-9;
    let ax = x;
    let ix = high(ax);
    let n = 0;
    if (ix < 0x00100000) {
      ax *= 2 ** 53;
      n -= 53;
      ix = high(ax);
    }
    n += (ix >> 20) - 0x3ff;
    const j = ix & 0x000fffff;
    ix = j | 0x3ff00000;
    let k = 0;
    if (j > 0x3988e) {
      if (j < 0xbb67a) k = 1;
      else {
        n += 1;
        ix -= 0x00100000;
      }
    }
    ax = withHigh(ax, ix);
    const bp = k === 0 ? 1 : 1.5;
    const dpHigh = k === 0 ? 0 : 0.5849624872207642;
    const dpLow = k === 0 ? 0 : 1.350039202129749e-8;
    let u = ax - bp;
    let v = 1 / (ax + bp);
    const ss = u * v;
    const sHigh = withoutLow(ss);
    const tHigh = withHigh(0, ((ix >> 1) | 0x20000000) + 0x00080000 + (k << 18));
    let tLow = ax - (tHigh - bp);
    const sLow = v * (u - sHigh * tHigh - sHigh * tLow);
    const s2 = ss * ss;
    let r =
      s2 *
      s2 *
      (0.5999999999999946 +
        s2 *
          (0.4285714285785502 +
            s2 *
              (0.33333332981837743 +
                s2 * (0.272728123808534 + s2 * (0.23066074577556175 + s2 * 0.20697501780033842)))));
    r += sLow * (sHigh + ss);
    const sHigh2 = sHigh * sHigh;
    const tHigh2 = withoutLow(3 + sHigh2 + r);
    tLow = r - (tHigh2 - 3 - sHigh2);
    u = sHigh * tHigh2;
    v = sLow * tHigh2 + tLow * ss;
    const pHigh = withoutLow(u + v);
    const pLow = v - (pHigh - u);
    const zHigh = cpHigh * pHigh;
    const zLow = cpLow * pHigh + pLow * cp + dpLow;
    const t = n;
    const t1 = withoutLow(zHigh + zLow + dpHigh + t);
    return [t1, zLow - (t1 - t - dpHigh - zHigh)];
  };

  /** s × 2^(pHigh + pLow). */
  const exponential = (pHigh: number, pLow: number, s: number): number => {
    const ln2High = 0.6931471824645996;
    const ln2Low = -1.904654299957768e-9;
    const overflow = 8.008566259537294e-17;
    const sum = pLow + pHigh;
    const j = high(sum);
    const i = j & 0x7fffffff;
    if (j >= 0x40900000) {
      if (((j - 0x40900000) | low(sum)) !== 0 || pLow + overflow > sum - pHigh) return s * huge * huge;
    } else if (i >= 0x4090cc00) {
      if (((j - (0xc090cc00 | 0)) | low(sum)) !== 0 || pLow <= sum - pHigh) return s * tiny * tiny;
    }
    let n = 0;
    let whole = pHigh;
    let k = (i >> 20) - 0x3ff;
    if (i > 0x3fe00000) {
      n = j + (0x00100000 >> (k + 1));
      k = ((n & 0x7fffffff) >> 20) - 0x3ff;
      const t = withHigh(0, n & ~(0x000fffff >> k));
      n = ((n & 0x000fffff) | 0x00100000) >> (20 - k);
      if (j < 0) n = -n;
      whole -= t;
    }
    let t = withoutLow(pLow + whole);
    const u = t * ln2High;
    const v = (pLow - (t - whole)) * Math.LN2 + t * ln2Low;
    let z = u + v;
    const w = v - (z - u);
    t = z * z;
    const t1 =
      z -
      t *
        (0.16666666666666602 +
          t *
            (-0.0027777777777015593 +
              t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
    const r = (z * t1) / (t1 - 2) - (w + z * w);
    z = 1 - (r - z);
    const exponent = high(z) + (n << 20);
    return s * (exponent >> 20 <= 0 ? scaled(z, n) : withHigh(z, exponent));
  };

  const powerOfNumbers = (x: number, y: number): number => {
    if (y === 0) return 1;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
    const hx = high(x);
    const hy = high(y);
    const lx = low(x);
    const ix = hx & 0x7fffffff;
    const iy = hy & 0x7fffffff;
    const ax = Math.abs(x);
    const yIs = hx < 0 ? oddness(y, iy, hy) : 0;
    if (iy === 0x7ff00000 && low(y) === 0) {
      if (ax === 1) return Number.NaN; // ECMAScript, where IEEE 754 says 1
      return ax > 1 === y > 0 ? Number.POSITIVE_INFINITY : 0;
    }
    if (y === 1) return x;
    if (y === -1) return 1 / x;
    if (y === 2) return x * x;
    if (y === 0.5 && hx >= 0) return Math.sqrt(x);
    if (lx === 0 && (ix === 0x7ff00000 || ix === 0 || ix === 0x3ff00000)) {
      let z = ax;
      if (y < 0) z = 1 / z;
      if (hx >= 0) return z;
      if (ix === 0x3ff00000 && yIs === 0) return Number.NaN;
      return yIs === 1 ? -z : z;
    }
    if (hx < 0 && yIs === 0) return Number.NaN;
    const s = hx < 0 && yIs === 1 ? -1 : 1;
    if (iy > 0x41e00000) {
      if (iy > 0x43f00000) {
        if (ix <= 0x3fefffff) return hy < 0 ? Number.POSITIVE_INFINITY : 0;
        if (ix >= 0x3ff00000) return hy > 0 ? Number.POSITIVE_INFINITY : 0;
      }
      if (ix < 0x3fefffff) return hy < 0 ? s * huge * huge : s * tiny * tiny;
      if (ix > 0x3ff00000) return hy > 0 ? s * huge * huge : s * tiny * tiny;
    }
    const [t1, t2] = logarithm(ax);
    const y1 = withoutLow(y);
    return exponential(y1 * t1, (y - y1) * t1 + y * t2, s);
  };

  const pow = (base: unknown, exponent: unknown): unknown => {
    const [x, y] = [base, exponent].map((each) =>
      Object(each) === each ? (each as object).valueOf() : each,
    );
    if (typeof x === "bigint" || typeof y === "bigint") return (x as bigint) ** (y as bigint);
    return powerOfNumbers(Number(x), Number(y));
  };
  fix(Math, "pow", pow);

  const { setFloat64, setFloat32 } = DataView.prototype;
  const canonical = (native: typeof setFloat64) =>
    function setFloat(this: DataView, offset: number, value: unknown, littleEndian?: boolean): void {
      const number = Number(value);
      Reflect.apply(native, this, [offset, Number.isNaN(number) ? Number.NaN : number, littleEndian]);
    };
  inherit(DataView.prototype, "setFloat64", canonical(setFloat64));
  inherit(DataView.prototype, "setFloat32", canonical(setFloat32));
  Object.freeze(Math);
}

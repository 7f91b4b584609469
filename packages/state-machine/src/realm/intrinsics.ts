/*
 * The part of the language that a realm keeps: the names that Node 20 has, so that a handler finds the same on every version.
 * What a later version adds (Set.prototype.union, iterator helpers) would be there on one replica and missing on another.
 * Left out besides: what tells of memory, threads, locales or earlier matches (WeakRef, Atomics, Intl, RegExp.$1).
 */

/** Names of the properties that stay, by the intrinsic that has them. Properties named by symbols stay as they are. */
export const intrinsics: Readonly<Record<string, string>> = {
  globals:
    "AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date " +
    "Error EvalError Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array " +
    "JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set " +
    "String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array " +
    "Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent " +
    "escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape",
  AggregateError: "length name prototype",
  "AggregateError.prototype": "constructor message name",
  Array: "from isArray length name of prototype",
  "Array.prototype":
    "at concat constructor copyWithin entries every fill filter find findIndex findLast " +
    "findLastIndex flat flatMap forEach includes indexOf join keys lastIndexOf length map pop " +
    "push reduce reduceRight reverse shift slice some sort splice toLocaleString toReversed " +
    "toSorted toSpliced toString unshift values with",
  ArrayBuffer: "isView length name prototype",
  "ArrayBuffer.prototype": "byteLength constructor maxByteLength resizable resize slice",
  BigInt: "asIntN asUintN length name prototype",
  "BigInt.prototype": "constructor toLocaleString toString valueOf",
  BigInt64Array: "BYTES_PER_ELEMENT length name prototype",
  "BigInt64Array.prototype": "BYTES_PER_ELEMENT constructor",
  BigUint64Array: "BYTES_PER_ELEMENT length name prototype",
  "BigUint64Array.prototype": "BYTES_PER_ELEMENT constructor",
  Boolean: "length name prototype",
  "Boolean.prototype": "constructor toString valueOf",
  DataView: "length name prototype",
  "DataView.prototype":
    "buffer byteLength byteOffset constructor getBigInt64 getBigUint64 getFloat32 getFloat64 " +
    "getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 setBigInt64 setBigUint64 setFloat32 " +
    "setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8",
  Date: "UTC length name now parse prototype",
  "Date.prototype":
    "constructor getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth " +
    "getSeconds getTime getTimezoneOffset getUTCDate getUTCDay getUTCFullYear getUTCHours " +
    "getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds getYear setDate setFullYear " +
    "setHours setMilliseconds setMinutes setMonth setSeconds setTime setUTCDate setUTCFullYear " +
    "setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds setYear toDateString " +
    "toGMTString toISOString toJSON toLocaleDateString toLocaleString toLocaleTimeString toString " +
    "toTimeString toUTCString valueOf",
  Error: "captureStackTrace length name prototype stackTraceLimit",
  "Error.prototype": "constructor message name toString",
  EvalError: "length name prototype",
  "EvalError.prototype": "constructor message name",
  Float32Array: "BYTES_PER_ELEMENT length name prototype",
  "Float32Array.prototype": "BYTES_PER_ELEMENT constructor",
  Float64Array: "BYTES_PER_ELEMENT length name prototype",
  "Float64Array.prototype": "BYTES_PER_ELEMENT constructor",
  Function: "length name prototype",
  "Function.prototype": "apply arguments bind call caller constructor length name toString",
  Int16Array: "BYTES_PER_ELEMENT length name prototype",
  "Int16Array.prototype": "BYTES_PER_ELEMENT constructor",
  Int32Array: "BYTES_PER_ELEMENT length name prototype",
  "Int32Array.prototype": "BYTES_PER_ELEMENT constructor",
  Int8Array: "BYTES_PER_ELEMENT length name prototype",
  "Int8Array.prototype": "BYTES_PER_ELEMENT constructor",
  JSON: "parse stringify",
  Map: "length name prototype",
  "Map.prototype": "clear constructor delete entries forEach get has keys set size values",
  Math:
    "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2 atanh cbrt " +
    "ceil clz32 cos cosh exp expm1 floor fround hypot imul log log10 log1p log2 max min pow " +
    "random round sign sin sinh sqrt tan tanh trunc",
  Number:
    "EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN " +
    "POSITIVE_INFINITY isFinite isInteger isNaN isSafeInteger length name parseFloat parseInt " +
    "prototype",
  "Number.prototype": "constructor toExponential toFixed toLocaleString toPrecision toString valueOf",
  Object:
    "assign create defineProperties defineProperty entries freeze fromEntries " +
    "getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames getOwnPropertySymbols " +
    "getPrototypeOf hasOwn is isExtensible isFrozen isSealed keys length name preventExtensions " +
    "prototype seal setPrototypeOf values",
  "Object.prototype":
    "__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__ constructor " +
    "hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf",
  Promise: "all allSettled any length name prototype race reject resolve",
  "Promise.prototype": "catch constructor finally then",
  Proxy: "length name revocable",
  RangeError: "length name prototype",
  "RangeError.prototype": "constructor message name",
  ReferenceError: "length name prototype",
  "ReferenceError.prototype": "constructor message name",
  Reflect:
    "apply construct defineProperty deleteProperty get getOwnPropertyDescriptor getPrototypeOf " +
    "has isExtensible ownKeys preventExtensions set setPrototypeOf",
  RegExp: "length name prototype",
  "RegExp.prototype":
    "compile constructor dotAll exec flags global hasIndices ignoreCase multiline source sticky " +
    "test toString unicode unicodeSets",
  Set: "length name prototype",
  "Set.prototype": "add clear constructor delete entries forEach has keys size values",
  String: "fromCharCode fromCodePoint length name prototype raw",
  "String.prototype":
    "anchor at big blink bold charAt charCodeAt codePointAt concat constructor endsWith fixed " +
    "fontcolor fontsize includes indexOf isWellFormed italics lastIndexOf length link " +
    "localeCompare match matchAll normalize padEnd padStart repeat replace replaceAll search " +
    "slice small split startsWith strike sub substr substring sup toLocaleLowerCase " +
    "toLocaleUpperCase toLowerCase toString toUpperCase toWellFormed trim trimEnd trimLeft " +
    "trimRight trimStart valueOf",
  Symbol:
    "asyncIterator for hasInstance isConcatSpreadable iterator keyFor length match matchAll name " +
    "prototype replace search species split toPrimitive toStringTag unscopables",
  "Symbol.prototype": "constructor description toString valueOf",
  SyntaxError: "length name prototype",
  "SyntaxError.prototype": "constructor message name",
  TypeError: "length name prototype",
  "TypeError.prototype": "constructor message name",
  URIError: "length name prototype",
  "URIError.prototype": "constructor message name",
  Uint16Array: "BYTES_PER_ELEMENT length name prototype",
  "Uint16Array.prototype": "BYTES_PER_ELEMENT constructor",
  Uint32Array: "BYTES_PER_ELEMENT length name prototype",
  "Uint32Array.prototype": "BYTES_PER_ELEMENT constructor",
  Uint8Array: "BYTES_PER_ELEMENT length name prototype",
  "Uint8Array.prototype": "BYTES_PER_ELEMENT constructor",
  Uint8ClampedArray: "BYTES_PER_ELEMENT length name prototype",
  "Uint8ClampedArray.prototype": "BYTES_PER_ELEMENT constructor",
  WeakMap: "length name prototype",
  "WeakMap.prototype": "constructor delete get has set",
  WeakSet: "length name prototype",
  "WeakSet.prototype": "add constructor delete has",
  decodeURI: "length name",
  decodeURIComponent: "length name",
  encodeURI: "length name",
  encodeURIComponent: "length name",
  escape: "length name",
  eval: "length name",
  isFinite: "length name",
  isNaN: "length name",
  parseFloat: "length name",
  parseInt: "length name",
  unescape: "length name",
  "%Iterator%": "",
  "%TypedArray%": "from length name of prototype",
  "%TypedArray%.prototype":
    "at buffer byteLength byteOffset constructor copyWithin entries every fill filter find " +
    "findIndex findLast findLastIndex forEach includes indexOf join keys lastIndexOf length map " +
    "reduce reduceRight reverse set slice some sort subarray toLocaleString toReversed toSorted " +
    "toString values with",
};

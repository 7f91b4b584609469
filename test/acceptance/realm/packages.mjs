// The packages that handlers import most, each used as it is meant to be, chance and clock included.
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import { TimestampSchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import Big from "big.js";
import { addDays, differenceInHours, format, parseISO } from "date-fns";
import dayjs from "dayjs";
import { Decimal } from "decimal.js";
import { produce } from "immer";
import lodash from "lodash";
import { customAlphabet, nanoid } from "nanoid";
import * as ramda from "ramda";
import { monotonicFactory, ulid } from "ulid";
import { v4, v5, v7 } from "uuid";
import { z } from "zod";

const order = z.object({ lines: z.array(z.number().int()), at: z.coerce.date(), mail: z.email() });

/** @type {Record<string, () => unknown>} */
export const packages = {
  "@bufbuild/protobuf": () => {
    const bytes = toBinary(TimestampSchema, timestampFromDate(new Date()));
    const time = fromBinary(TimestampSchema, bytes);
    return [
      bytes.length,
      toJsonString(TimestampSchema, time),
      create(TimestampSchema, { seconds: 5n }).seconds,
    ];
  },
  "big.js": () => [new Big(1).div(3).toString(), new Big("123.456").round(1).toString()],
  "date-fns": () => [
    format(addDays(parseISO("2020-02-28T23:00:00"), 1), "yyyy-MM-dd HH:mm xxx"),
    differenceInHours(new Date(), new Date(0)),
  ],
  dayjs: () => [dayjs("2020-01-31T10:00").add(1, "month").format(), dayjs().toISOString()],
  "decimal.js": () => [Decimal.random(20), new Decimal(2).pow("0.5"), new Decimal("0.1").plus("0.2")].join(),
  immer: () => produce({ a: { b: [1] }, c: new Date(0) }, (draft) => void draft.a.b.push(2)),
  lodash: () => [
    lodash.sample([1, 2, 3, 4, 5, 6, 7]),
    lodash.shuffle([1, 2, 3, 4, 5]),
    lodash.random(0, 1e9),
    lodash.now(),
    lodash.cloneDeep({ a: [1, { b: new Date(5) }] }),
    lodash.groupBy([1, 2, 3], (each) => each % 2),
  ],
  nanoid: () => [nanoid(), customAlphabet("abcdef", 9)()],
  ramda: () => [ramda.sum(ramda.map(ramda.inc, [1, 2, 3])), ramda.sortBy(ramda.identity, ["b", "a"])],
  ulid: () => [ulid(), monotonicFactory()()],
  uuid: () => [v4(), v5("a", v5.URL), v7({ seq: 1 })],
  zod: () => [
    order.parse({ lines: [1], at: "2020-01-01", mail: "a@example.org" }),
    order.safeParse({ lines: [1.5] }).error?.issues.length,
  ],
};

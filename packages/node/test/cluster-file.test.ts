import { describe, expect, test } from "vitest";
import { clusterIdOf, genesisOf, parseClusterFile } from "../src/configuration/cluster-file.js";
import { ConfigurationError } from "../src/configuration/problem.js";
import { soundCluster } from "./support/cluster.js";

function problemsOf(content: unknown): readonly string[] {
  try {
    parseClusterFile(typeof content === "string" ? content : JSON.stringify(content), "c.json");
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/** A sound cluster, spoilt. */
function spoilt(spoil: (cluster: ReturnType<typeof soundCluster>) => void): unknown {
  const cluster = soundCluster();
  spoil(cluster);
  return cluster;
}

const name = "a name (1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit)";
const address = "host:port with a port from 1 to 65535 (an IPv6 host in brackets)";
const store = "the store id that synod-acceptor init printed";

describe("every problem of a cluster file is named at once, with its path", () => {
  const wrong: readonly (readonly [string, unknown, readonly string[]])[] = [
    [
      "the same id twice in a role and once in another",
      spoilt(({ acceptors, leaders }) => {
        Object.assign(acceptors[1] ?? {}, { id: "a1" });
        Object.assign(leaders[0] ?? {}, { id: "a3" });
      }),
      [
        `c.json: acceptors[1].id: expected one of its own, found "a1", which is acceptors[0]'s`,
        `c.json: leaders[0].id: expected one of its own, found "a3", which is acceptors[2]'s`,
      ],
    ],
    [
      "a doubled address, in capitals, beside a doubled store",
      spoilt(({ acceptors, leaders, replicas }) => {
        Object.assign(leaders[0] ?? {}, { address: "node.example:5201" });
        Object.assign(replicas[1] ?? {}, { address: "NODE.example:5201" });
        Object.assign(acceptors[2] ?? {}, { store: "store-1" });
      }),
      [
        `c.json: replicas[1].address: expected one of its own, found "NODE.example:5201", which is leaders[0]'s`,
        `c.json: acceptors[2].store: expected one of its own, found "store-1", which is acceptors[0]'s`,
      ],
    ],
    [
      "a missing store, a bad port and a bad id",
      spoilt(({ acceptors, leaders }) => {
        Object.assign(acceptors[0] ?? {}, { store: undefined });
        Object.assign(acceptors[1] ?? {}, { address: "127.0.0.1:70000" });
        Object.assign(leaders[1] ?? {}, { id: "-l" });
      }),
      [
        `c.json: acceptors[0].store: expected ${store}, found nothing`,
        `c.json: acceptors[1].address: expected ${address}, found "127.0.0.1:70000"`,
        `c.json: leaders[1].id: expected ${name}, found "-l"`,
      ],
    ],
    [
      "no window, no replica, and a leader too many",
      {
        ...soundCluster(),
        window: undefined,
        replicas: [],
        leaders: Array.from({ length: 10 }, (_, index) => ({ id: `l${index}`, address: `h:${index + 1}` })),
      },
      [
        "c.json: window: expected a whole number from 1 to 65536, found nothing",
        "c.json: leaders: expected from 1 to 9 members, found 10",
        "c.json: replicas: expected from 1 to 15 members, found 0",
      ],
    ],
    [
      "unknown fields beside a window of the wrong type",
      { ...soundCluster(), window: "256", quorum: 2, leaders: [{ id: "l1", adress: "x:1" }] },
      [
        `c.json: window: expected a whole number from 1 to 65536, found "256"`,
        `c.json: leaders[0].address: expected ${address}, found nothing`,
        "c.json: leaders[0].adress: unknown field; the fields here are id, address",
        "c.json: quorum: unknown field; the fields here are window, acceptors, leaders, replicas",
      ],
    ],
    [
      "a window of zero, and lists that are none",
      { window: 0, acceptors: {}, leaders: null, replicas: [1] },
      [
        "c.json: window: expected a whole number from 1 to 65536, found 0",
        "c.json: acceptors: expected a list of acceptors, found {}",
        "c.json: leaders: expected a list of leaders, found null",
        "c.json: replicas[0]: expected a member {id, address}, found 1",
      ],
    ],
    ["no object at all", [], ["c.json: expected an object {window, acceptors, leaders, replicas}, found []"]],
    [
      "a field twice in one object, and an id twice in another",
      `{"window": 1,\n "window": 2, "acceptors": [{"id": "a", "id": "b", "address": "h:1", "store": "s"}], "leaders": []}`,
      [
        "c.json: window: expected once, found again at line 2, column 2",
        "c.json: acceptors[0].id: expected once, found again at line 2, column 41",
        "c.json: leaders: expected from 1 to 9 members, found 0",
        "c.json: replicas: expected a list of replicas, found nothing",
      ],
    ],
    [
      "a trailing comma",
      '{\n  "window": 256,\n}',
      ["c.json: not valid JSON at line 3, column 1: property name expected"],
    ],
    [
      "a half file",
      '{"window": 256, "acceptors": [',
      ["c.json: not valid JSON at line 1, column 31: close bracket expected"],
    ],
    ["an empty file", "\n", ["c.json: not valid JSON: the file is empty"]],
  ];

  test.each(wrong)("%s", (_, content, problems) => {
    expect([...problemsOf(content)].sort()).toEqual([...problems].sort());
  });
});

test("odd and even numbers of members are fine", () => {
  const cluster = soundCluster();
  cluster.acceptors.pop();
  expect(problemsOf(cluster)).toEqual([]);
});

test("an address may be a name, an IPv4 or a bracketed IPv6 address, and nothing else", () => {
  const at = (text: string) => problemsOf({ ...soundCluster(), leaders: [{ id: "l1", address: text }] });
  for (const fine of [
    "localhost:1",
    "acceptor_1.synod.svc:65535",
    "10.0.0.1:80",
    "[::1]:5101",
    "[fe80::1]:1",
  ]) {
    expect(at(fine), fine).toEqual([]);
  }
  for (const wrong of [
    "host",
    "host:",
    ":1",
    "host:0",
    "::1:5101",
    "[::g]:1",
    "http://h:1",
    "h:1/",
    "1.2.3:4",
    "300.1.1.1:4",
    "a b:1",
    "h:-1",
  ]) {
    expect(at(wrong), wrong).toHaveLength(1);
  }
});

describe("the cluster id", () => {
  const id = (change: (cluster: ReturnType<typeof soundCluster>) => void) =>
    clusterIdOf(parseClusterFile(JSON.stringify(spoilt(change))));

  test("has 32 hexadecimal digits", () => {
    expect(id(() => {})).toMatch(/^[0-9a-f]{32}$/);
  });

  test("stays when a member moves or the file is ordered otherwise", () => {
    const moved = id(({ acceptors }) =>
      Object.assign(acceptors[0] ?? {}, { address: "elsewhere.example:1" }),
    );
    expect([moved, id(({ acceptors }) => acceptors.reverse())]).toEqual([id(() => {}), id(() => {})]);
  });

  test("changes with window, a store, a name, and a name's role", () => {
    const ids = [
      id(() => {}),
      id((cluster) => Object.assign(cluster, { window: 255 })),
      id(({ acceptors }) => Object.assign(acceptors[0] ?? {}, { store: "another" })),
      id(({ replicas }) => Object.assign(replicas[0] ?? {}, { id: "r9" })),
      id(({ leaders, replicas }) => leaders.push(...replicas.splice(1))),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test("genesis is configuration 1 with the members in order of their ids", () => {
  const content = soundCluster();
  content.acceptors.reverse();
  const genesis = genesisOf(parseClusterFile(JSON.stringify(content)));
  expect(genesis.window).toBe(256);
  expect(genesis.configuration).toEqual({ number: 1, predecessor: 0, ...soundCluster(), window: undefined });
});

// Clusters and services that are started in surroundings of every kind, work there, and are stopped again.

/** @typedef {import("./row.mjs").Row} Row */

/** A cluster that starts, takes a command, and stops in good order. @param {string} start up to its own outputs */
const works = (start) => `${start} & up=$!; ready; $S kv put a 1 --replica $R; stopped $up`;

const asNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/** @type {readonly Row[]} */
export const starts = [
  { what: "up with full outputs", line: works("$UP d > /dev/full 2> /dev/full"), code: 0, says: "revision" },
  {
    what: "up whose reader has gone",
    line: `mkfifo p; head -1 p > /dev/null & ${works("$UP d > p 2>&1")}`,
    code: 0,
    says: "revision",
  },
  {
    what: "up whose reader stands still",
    line: `mkfifo p; sleep 1000 < p & reader=$!; ${works("$UP d > p 2>&1")}; code=$?; kill $reader; exit $code`,
    code: 0,
    says: "revision",
  },
  { what: "up with nothing open", line: works("$UP d <&- >&- 2>&-"), code: 0, says: "revision" },
  {
    what: "up whose log files cannot be written",
    line: `mkdir d; echo > d/logs; ${works("$UP d")}`,
    code: 0,
    says: /warning: r1 runs without a log: .*[\s\S]*revision/,
  },
  {
    what: "up with a named pipe for a log",
    line: `mkdir -p d/logs; mkfifo d/logs/r1.log; ${works("$UP d")}`,
    code: 0,
    says: /warning: r1 runs without a log: .*[\s\S]*revision/,
  },
  {
    what: "a log disk that is full while acceptors stand still and come back",
    line: `mkdir -p d/logs; unshare --mount bash -c '
      mount -t tmpfs -o size=16k tmpfs d/logs
      head -c 16384 /dev/zero > d/logs/full
      $UP d > out 2> err & up=$!
      ready
      acceptor=$(sed -n "s/^  acceptor .*process //p" out)
      kill -STOP $acceptor; sleep 7; kill -CONT $acceptor; sleep 1
      $S status --replica $R
      $S kv put a 1 --replica $R
      stopped $up; code=$?
      grep ended: err && code=98
      exit $code'`,
    code: 0,
    says: /its log: it could not be written \(ENOSPC\), and \d+ lines are lost so far[\s\S]*revision/,
    needs: ["mount namespaces"],
  },
  {
    what: "up in a working directory that may not be written, as a service's account",
    line: `mkdir w data; chmod 755 $D; chown 65534 data; cd w; ${works(`${asNobody} $UP $D/data/d`)}`,
    code: 0,
    says: /warning: cannot make the directory .*\.synod: permission denied \(EACCES\).* give them --replica 127/,
    needs: ["other accounts"],
  },
  {
    what: "up without rights on its data",
    line: `chmod 755 $D; cd /; ${asNobody} $UP $D/d`,
    code: 1,
    says: /cannot make the directory .*: permission denied \(EACCES\); give a path that this account may use/,
    needs: ["other accounts"],
  },
  {
    what: "up on data of another account",
    line: `${works("$UP d")} && chmod 755 $D && cd / && ${asNobody} $UP $D/d`,
    code: 1,
    says: /\(?EACCES/,
    needs: ["other accounts"],
  },
  {
    what: "up on a file system that may not be written",
    line: "mkdir m; unshare --mount bash -c 'mount -t tmpfs -o ro tmpfs m; cd m; $UP d'",
    code: 1,
    says: "read-only file system (EROFS); give a path on a file system that may be written",
    needs: ["mount namespaces"],
  },
  {
    what: "up on a full disk",
    line: "mkdir m; unshare --mount bash -c 'mount -t tmpfs -o size=16k tmpfs m; $UP m/d'",
    code: 1,
    says: /ENOSPC|no space/i,
    needs: ["mount namespaces"],
  },
  { what: "up with proxies", line: works("env $PROXIES $UP d"), code: 0, says: "revision" },
  { what: "up under umask 077", line: `umask 077; ${works("$UP d")}`, code: 0, says: "revision" },
  {
    what: "up in a directory of an odd name",
    line: works('$UP "d # %41?ü \'q"'),
    code: 0,
    says: "revision",
  },
  {
    what: "up without HOME, TMPDIR and locale",
    line: works("env -u HOME TMPDIR=/nowhere LC_ALL=C $UP d"),
    code: 0,
    says: "revision",
  },
  {
    what: "a second up",
    line: `$UP d > out & up=$!; ready; $UP d; code=$?; stopped $up; exit $code`,
    code: 6,
    says: "in use by process",
  },
  {
    what: "up at a busy port",
    line: "$UP d > out & up=$!; ready; $UP e; code=$?; stopped $up; exit $code",
    code: 3,
    says: "ports that are not free",
  },
  {
    what: "a closed terminal",
    line: "$UP d > out & up=$!; ready; kill -HUP $up; wait $up",
    code: 0,
  },
  {
    what: "SIGTERM while up starts",
    line: "$UP d > out & up=$!; until grep -q 'starting a new cluster' out; do sleep 0.02; done; stopped $up",
    code: 0,
  },
  {
    what: "a demo without a temporary directory",
    line: "TMPDIR=/nowhere $S demo",
    code: 1,
    says: "TMPDIR has to name a directory that this account may write",
  },
  {
    what: "a service without rights on its store",
    line: `A=$ROOT/services/acceptor/bin/synod-acceptor.js; chmod 755 $D; cd /; ${asNobody} $NODE $A init --data $D/a1 --id a1`,
    code: 7,
    says: "EACCES",
    needs: ["other accounts"],
  },
];

/** Signals to whatever stands between a supervisor and the cluster. */
const wrapper = (/** @type {string} */ command, /** @type {string} */ signal) =>
  `cd $ROOT; ${command} > $D/out 2>&1 & npm=$!; until grep -q 'Ctrl-C stops it' $D/out; do sleep 0.1; done; kill -${signal} $npm; wait $npm; true`;

const shape = "--port $P --acceptors 1 --leaders 1 --replicas 1 --data $D/d";

/** @type {readonly Row[]} */
export const wrappers = [
  { what: "SIGTERM to npx", line: wrapper(`npx synod up ${shape}`, "TERM"), code: 0 },
  { what: "kill -9 to npx", line: wrapper(`npx synod up ${shape}`, "KILL"), code: 0 },
  { what: "SIGTERM to npm start", line: wrapper(`npm start -- ${shape}`, "TERM"), code: 0 },
  { what: "kill -9 to npm start", line: wrapper(`npm start -- ${shape}`, "KILL"), code: 0 },
  {
    what: "SIGTERM to npm run demo",
    line: "export TMPDIR=$D; cd $ROOT; npm run demo > $D/out 2>&1 & npm=$!; until grep -q 'is ready at' $D/out; do sleep 0.1; done; kill -TERM $npm; wait $npm; true",
    code: 0,
  },
  {
    what: "kill -9 to up",
    line: "$UP d > out & up=$!; ready; kill -KILL $up; wait $up",
    code: 137,
  },
];

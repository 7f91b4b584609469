// Commands, most of them to a cluster that runs: outputs, inputs, words, files and environments of every kind.

/** @typedef {import("./row.mjs").Row} Row */

const full = "cannot write to standard output: no space left on device (ENOSPC)";
const closed = "standard output was closed before everything was written";

/** @type {readonly Row[]} */
export const quick = [
  { what: "the help to a full output", line: "$S --help > /dev/full", code: 1, says: full },
  {
    what: "a working directory that is gone",
    line: "mkdir gone; cd gone; rmdir $D/gone; $S status",
    code: 1,
    says: "cannot find the working directory: no such file or directory (ENOENT)",
  },
  {
    what: "a key that is no UTF-8",
    line: "$S kv get $(printf 'caf\\351')",
    code: 2,
    says: "expected words in UTF-8, found other bytes",
  },
  {
    what: "an acceptor's store whose id cannot be printed",
    line: "$NODE $ROOT/services/acceptor/bin/synod-acceptor.js init --data a1 --id a1 > /dev/full",
    code: 1,
    says: /cannot write to standard output: no space left on device \(ENOSPC\); the store is made, and its id is \w+/,
  },
];

/** @type {readonly Row[]} */
export const commands = [
  { what: "an answer to a full output", line: "$S kv get a --replica $C > /dev/full", code: 1, says: full },
  {
    what: "an answer that nobody reads any more",
    line: "$S kv get a --replica $C | true; exit $PIPESTATUS",
    code: 1,
    says: closed,
  },
  {
    what: "a whole log for a reader who takes one line",
    line: "for i in 1 2 3; do $S kv put large --stdin --replica $C < <(head -c 500000 /dev/zero) > /dev/null; done; $S log --json --replica $C | head -c 10 > /dev/null; exit $PIPESTATUS",
    code: 1,
    says: closed,
  },
  {
    what: "both outputs full",
    line: "$S status --replica $C > /dev/full 2> /dev/full",
    code: 1,
  },
  { what: "a failure that cannot be told", line: "$S kv get absent --replica $C 2> /dev/full", code: 1 },
  {
    what: "progress that nobody can read",
    line: "$S snapshot save b --replica $C 2>&- && ls -s b",
    code: 0,
    says: "b",
  },
  { what: "no standard input", line: "$S kv get a --replica $C <&-", code: 0, says: "1" },
  { what: "nothing open at all", line: "$S kv put b 2 --replica $C <&- >&- 2>&-", code: 0 },
  {
    what: "words that look like flags, behind --",
    line: "$S kv put --replica $C -- -k --force > /dev/null && $S kv get --replica $C -- -k",
    code: 0,
    says: "--force\n",
  },
  {
    what: "a value that begins with a dash",
    line: "$S kv put k -x --replica $C",
    code: 2,
    says: 'words that begin with a dash and are no flags, values too, go behind "--"',
  },
  {
    what: "a word too many behind --",
    line: "$S kv range --replica $C -- a b",
    code: 2,
    says: "a word too many: b",
  },
  {
    what: "a value of 512 KiB that is no text, from standard input",
    line: "head -c 524288 /dev/urandom > v; $S kv put big --stdin --replica $C < v && $S kv get big --replica $C | head -c 524288 | cmp - v",
    code: 0,
  },
  {
    what: "a value without end",
    line: "$S kv put big --stdin --replica $C < /dev/zero",
    code: 1,
    says: "on standard input, found more",
  },
  {
    what: "a directory as a value",
    line: "$S kv put big --stdin --replica $C < .",
    code: 1,
    says: "expected a value on standard input, found a directory",
  },
  {
    what: "proxies for the outside world",
    line: "env $PROXIES $S kv get a --replica $C && env $PROXIES $S status --replica $C && env $PROXIES $S snapshot save b --replica $C",
    code: 0,
    says: "the state after slot",
  },
  {
    what: "a backup over a device",
    line: "mknod null c 1 3 && $S snapshot save null --force --replica $C; code=$?; test -c null && exit $code",
    code: 1,
    says: "found a device",
    needs: ["tmpfs"],
  },
  {
    what: "a backup over a named pipe",
    line: "mkfifo pipe; $S snapshot save pipe --force --replica $C; code=$?; test -p pipe && exit $code",
    code: 1,
    says: "found a named pipe",
  },
  {
    what: "a backup over a directory",
    line: "mkdir b; $S snapshot save b --force --replica $C",
    code: 1,
    says: "found a directory",
  },
  {
    what: "a backup through a symbolic link",
    line: "mkdir e; echo old > e/f; ln -s e/f b; $S snapshot save b --force --replica $C > /dev/null && test -L b && $S snapshot show e/f",
    code: 0,
    says: "a whole backup",
  },
  {
    what: "a backup where the account may not write",
    line: "chmod 755 $D; setpriv --reuid 65534 --regid 65534 --clear-groups $S snapshot save $D/b --replica $C",
    code: 1,
    says: "permission denied (EACCES)",
    needs: ["other accounts"],
  },
  {
    what: "a backup to a full disk",
    line: "mkdir m; unshare --mount bash -c 'mount -t tmpfs -o size=16k tmpfs m; head -c 16384 /dev/zero > m/full; $S snapshot save m/b --replica $C; code=$?; test ! -e m/b.partial && exit $code'",
    code: 1,
    says: "no space left on device (ENOSPC)",
    needs: ["mount namespaces"],
  },
  {
    what: "a backup beyond the limit of a file's size",
    line: 'ulimit -f 8; $S snapshot save b --replica $C; code=$?; test -z "$(ls)" && exit $code',
    code: 1,
    says: "file too large (EFBIG)",
  },
  {
    what: "no HOME, no TMPDIR, no locale, no colours",
    line: "env -u HOME TMPDIR=/nowhere LC_ALL=C FORCE_COLOR=1 NODE_ENV=production $S kv put grün blau --replica $C && $S kv get grün --replica $C",
    code: 0,
    says: "blau",
  },
  {
    what: "a note of the last cluster that is a named pipe",
    line: "mkdir .synod; mkfifo .synod/current.json; $S status",
    code: 1,
    says: "found a named pipe: give --replica ADDRESS",
  },
  {
    what: "a note of the last cluster that is half written",
    line: 'mkdir .synod; echo "{" > .synod/current.json; $S status',
    code: 2,
    says: "does not name a cluster",
  },
  {
    what: "hardly any open files",
    line: "ulimit -n 40; $S status",
    code: 1,
    says: "synod: cannot load its own modules:",
  },
  {
    what: "a contract whose result cannot be printed",
    line: "$NODE $ROOT/packages/contract/bin/synod-contract.js --replica $C --only Cluster. > /dev/full",
    code: 1,
    says: "synod-contract: cannot write to standard output",
  },
  {
    what: "a history whose verdict cannot be printed",
    line: "echo > h; $NODE $ROOT/packages/history/bin/synod-history.js h > /dev/full",
    code: 3,
    says: "synod-history: cannot write to standard output",
  },
];

const proto =
  "mkdir -p proto; printf 'syntax = \"proto3\";\\npackage a.v1;\\nmessage A { string b = 1; }\\n' > proto/a.proto;";

/** @type {readonly Row[]} */
export const generating = [
  {
    what: "generate in a folder of an odd name",
    line: `mkdir "C# %41?ü 'q"; cd "C# %41?ü 'q"; ${proto} $S generate && $S generate --check`,
    code: 0,
    says: "are up to date",
  },
  {
    what: "generate with the project as its folder of protos",
    line: `${proto} mkdir -p node_modules/x; echo bad > node_modules/x/x.proto; $S generate --proto .`,
    code: 0,
    says: "2 files written",
  },
  {
    what: "generate --check in a checkout with other ends of lines",
    line: `${proto} $S generate && sed -i 's/$/\\r/' src/gen/*.ts proto/a.proto && $S generate --check`,
    code: 0,
    says: "are up to date",
  },
  {
    what: "generate without a temporary directory and HOME",
    line: `${proto} env -u HOME TMPDIR=/nowhere $S generate`,
    code: 0,
    says: "2 files written",
  },
  {
    what: "generate where the account may not write",
    line: `${proto} chmod 755 $D; setpriv --reuid 65534 --regid 65534 --clear-groups $S generate`,
    code: 1,
    says: /cannot make the directory .*src\/gen: permission denied \(EACCES\)/,
    needs: ["other accounts"],
  },
  {
    what: "generate into a file",
    line: `${proto} mkdir src; echo > src/gen; $S generate`,
    code: 1,
    says: /cannot list .*src\/gen: not a directory \(ENOTDIR\)/,
  },
  {
    what: "generate over a link to somebody's file",
    line: `${proto} mkdir -p src/gen; echo mine > mine; ln -s ../../mine src/gen/types.ts; $S generate; code=$?; grep -q mine mine && exit $code`,
    code: 2,
    says: "were not generated",
  },
];

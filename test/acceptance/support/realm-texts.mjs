// node realm-texts.mjs MODULE: what each source says in a run of the service, as JSON; started in other environments.
import { loadInRealm, realmFingerprint } from "@synod/state-machine";
import { run } from "@synod/testing";

const { default: service, ways } = loadInRealm(process.argv[2] ?? "");
const running = /** @type {any} */ (run(/** @type {any} */ (service)));
/** @type {Record<string, string>} */
const texts = {};
for (const [way, sources] of Object.entries(/** @type {Record<string, object>} */ (ways)))
  for (const source of Object.keys(sources))
    texts[`${way}: ${source}`] = running.call("Use", { way, source }).text;
const fingerprint = realmFingerprint();
process.stdout.write(JSON.stringify({ node: process.version, fingerprint, hash: running.hash, texts }));

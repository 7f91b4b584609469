import type { DescriptorLoader } from "../definition/codec.js";
import type { ReplicatedService } from "../definition/replicated-service.js";
import { serviceAt } from "../realm/realm-service.js";
import { offerText } from "../system/versions.js";
import { type Build, SideBySide } from "./side-by-side.js";
import type { DeterminismStep } from "./step.js";

/** A build of a service: the service, or the URL of a compiled module whose default export it is. */
export type ServiceBuild = string | ReplicatedService;

export interface UpgradeTest {
  /** The build that the replicas run now. */
  readonly from: ServiceBuild;
  /** The build that they are to run. */
  readonly to: ServiceBuild;
  readonly steps: readonly DeterminismStep[];
  /** `loadServices` of @synod/wire. */
  readonly loader: DescriptorLoader;
  /**
   * Runs the handlers of services, not those of URLs, in the test's own realm: for services that a test defines beside itself
   * and that no module exports.
   */
  readonly sharedRealm?: boolean;
}

/**
 * Takes a service from one build to another and back, as a cluster does that goes on meanwhile, and compares what the two
 * builds do at each step: the bytes of the answer, of every row and of what is scheduled.
 *
 * - Under every version that both offer: the steps, twice, by both builds.
 * - Under every version that only `to` offers: a restart with `to`, a switch, and the steps.
 * - Where `from` offers the version before: a switch back, a restart with `from`, and the steps by both builds, on the rows
 *   that the newer version wrote.
 *
 * Throws an Error that names the first step, the version, and the answer or row that differs, in both forms; and what a
 * handler throws that its service does not declare.
 */
export async function checkUpgrade({ from, to, steps, loader, sharedRealm }: UpgradeTest): Promise<void> {
  const builds = [buildOf("from", from, loader), buildOf("to", to, loader)] as const;
  const [older, newer] = builds.map(({ service }) => service) as [ReplicatedService, ReplicatedService];
  if (older.name !== newer.name)
    throw new TypeError(`expected two builds of one service, found ${older.name} and ${newer.name}`);
  const common = versionsOf(newer).filter((version) => versionsOf(older).includes(version));
  if (common.length === 0)
    throw new Error(
      `from offers ${offered(older)} of ${older.name}, to offers ${offered(newer)}: expected one that both offer, so that ` +
        "replicas can be restarted one after the other; set oldestVersion in to, and look at context.version in its handlers",
    );
  for (const version of common) {
    const both = new SideBySide(builds, { loader, sharedRealm: sharedRealm === true });
    both.switchVersion(version);
    both.execute(steps, `under version ${version}`);
    both.execute(steps, `under version ${version}, the second time`);
    for (const next of versionsOf(newer).filter((each) => !common.includes(each))) {
      both.restart([builds[1], builds[1]]);
      both.switchVersion(next);
      both.execute(steps, `after the switch from version ${version} to ${next}`);
      both.switchVersion(version);
      both.restart(builds);
      both.execute(steps, `after the switch back from version ${next} to ${version}`);
    }
  }
}

function buildOf(name: Build["name"], given: ServiceBuild, loader: DescriptorLoader): Build {
  const service = typeof given === "string" ? serviceAt(given) : given;
  return { name, service, described: loader(service.descriptors) };
}

function versionsOf({ oldestVersion, version }: ReplicatedService): number[] {
  return Array.from({ length: version - oldestVersion + 1 }, (_, index) => oldestVersion + index);
}

function offered({ name, oldestVersion, version }: ReplicatedService): string {
  return offerText({ service: name, oldest: oldestVersion, newest: version });
}

import path from "node:path";
import { fileURLToPath } from "node:url";
import { type BoundService, loadInRealm, ReplicatedService } from "@synod/state-machine";
import { loadServices } from "@synod/wire";
import { descriptorSetBase64 } from "../gen/descriptors.js";
import { type Build, builds, contextMeans, sealOf, stockDefinition } from "./definition.js";

/** The methods of the service, with the codecs of their requests and responses. */
export const stockDescriptions = loadServices(Buffer.from(descriptorSetBase64, "base64"));

/** A build of the service, as a function of this process. */
export function stockService(build: Build): BoundService {
  return stockDefinition(build, contextMeans).bind(loadServices);
}

/** A service that must give the same as the builds in realms, computed by this process from contexts. */
export function stockServiceBeside(build: Build): BoundService {
  return stockDefinition(build, { ...contextMeans, seal: sealOf }).bind(loadServices);
}

const loaded = new Map<number, ReplicatedService>();

/** A build of the service, bound anew as a replica that starts does it: in a realm of its own. */
export function stockServiceInRealm(build: number): BoundService {
  const service = loaded.get(build) ?? loadedBuild(build);
  loaded.set(build, service);
  return service.bind(loadServices);
}

function loadedBuild(build: number): ReplicatedService {
  const here = fileURLToPath(import.meta.url);
  const file = path.join(path.dirname(here), "builds", `build-${build}${path.extname(here)}`);
  const { default: service } = loadInRealm(file);
  if (service instanceof ReplicatedService) return service;
  throw new Error(`${file}: expected a service as default export, found none; ${builds.length} builds exist`);
}

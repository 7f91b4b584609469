import { builds, stockDefinition } from "../definition.js";
import { realmMeans } from "./realm-means.js";

export default stockDefinition(builds[2] ?? [1, 1], realmMeans);

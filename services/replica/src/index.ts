// For tests and tools that look at a configuration without starting the service: main.js starts it.
export { name, replicaConfiguration, version } from "./config.js";

// For tests and tools that look at a configuration without starting the service: main.js starts it.
export { acceptorConfiguration, type InitOptions, initOptions, name, version } from "./config.js";

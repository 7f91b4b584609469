// For tests and tools that look at a configuration without starting the service: main.js starts it.
export { leaderConfiguration, name, version } from "./config.js";

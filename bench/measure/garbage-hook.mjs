// Loaded into a server's Node processes when their memory is to be measured: a signal that nobody else uses collects
// garbage, until there is none left.
process.on("SIGWINCH", () => globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" }));

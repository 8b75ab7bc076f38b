import { runMaster } from "../server/master/index.ts";

await runMaster(process.argv.slice(2), import.meta.filename);

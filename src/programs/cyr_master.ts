import { runMaster } from "../server/master/run-master.ts";

await runMaster(process.argv.slice(2), import.meta.filename);

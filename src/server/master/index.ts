/** cyr_master, and for the programs that wait daemons are: the word that they are ready. */
export { runMaster } from "./run-master.ts";
export { tellReady } from "./tell-ready.ts";

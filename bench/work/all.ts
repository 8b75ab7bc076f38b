/**
 * Every workload, in the order in which they run: those that only read come before those that fill disks, those that
 * start servers anew come after those, and the one that empties the machine's caches is the last but one.
 */
import { appendWork } from "./append.ts";
import { besideWork, coldWork } from "./beside.ts";
import { changeWork } from "./change.ts";
import { fetchWork } from "./fetch.ts";
import { idleWork } from "./idle.ts";
import { lmtpWork } from "./lmtp.ts";
import { mailboxWork } from "./mailboxes.ts";
import { millionWork } from "./million.ts";
import { searchWork } from "./search.ts";
import { sessionWork } from "./session.ts";
import type { Work } from "./work.ts";

export const allWork: readonly Work[] = [
  ...sessionWork,
  ...fetchWork,
  ...searchWork,
  ...mailboxWork,
  ...changeWork,
  ...besideWork,
  ...appendWork,
  ...lmtpWork,
  ...idleWork,
  ...coldWork,
  millionWork,
];

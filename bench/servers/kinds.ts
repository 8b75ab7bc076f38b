/** The servers that the benchmark knows, in the order in which a round visits them. */
import { cyrus } from "./cyrus.ts";
import { dovecot, dovecotDurable, dovecotTuned } from "./dovecot.ts";
import { pasargad } from "./pasargad.ts";
import type { ServerKind } from "./server.ts";

export const serverKinds: readonly ServerKind[] = [pasargad, cyrus, dovecot, dovecotTuned, dovecotDurable];

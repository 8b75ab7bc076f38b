/** SEARCH and UID SEARCH: RFC 3501 §6.4.4, with RETURN (RFC 4731) and WITHIN (RFC 5032). */
import {
  formatRanges,
  parseSearch,
  RangeBuilder,
  type ResponseWriter,
  type SearchArguments,
  type SearchReturn,
} from "../../../formats/imap/index.ts";
import type { Call, ImapCommand } from "../core.ts";
import { Canonical } from "../search/canonical.ts";
import { compileSearch } from "../search/compile.ts";
import { flagMaskOf, scanFlags } from "../search/flag-scan.ts";
import { SearchRun } from "../search/search-run.ts";
import type { ImapSession } from "../core.ts";
import { seconds } from "./fetch.ts";

export const search: ImapCommand<SearchArguments> = {
  name: "SEARCH",
  state: "selected",
  uidForm: "also",
  expunges: "uidFormOnly",
  parse: (args) => parseSearch(args),
  run,
};

async function run(
  session: ImapSession,
  { key, charset, returns }: SearchArguments,
  { tag, byUid }: Call,
): Promise<string | undefined> {
  const started = performance.now();
  const { box: selected, service, out } = session;
  const { search_skipdiacrit, search_whitespace } = service.context.config;
  const canonical = new Canonical({ skipDiacritics: search_skipdiacrit, whitespace: search_whitespace });
  const test = compileSearch(key, { selected, charset, canonical, nowSeconds: Math.floor(Date.now() / 1_000) });
  const matches = new Matches();
  const flags = flagMaskOf(test, selected);
  const found = (seqno: number, uid: number): void => matches.add(byUid ? uid : seqno);
  const searching =
    flags === undefined
      ? new SearchRun(session, selected, test, canonical).run(found)
      : scanFlags(session, selected, flags, found);
  if (!(await searching)) return undefined;
  if (returns !== undefined) tellExtended(out, matches, returns, tag, byUid);
  else {
    out.text("* SEARCH");
    for (const { first, last } of matches.ranges) {
      for (let number = first; number <= last; number++) out.space().decimal(number);
      if (out.isDue() && !(await out.rest())) return undefined;
    }
    out.crlf();
  }
  return `OK Completed (${matches.count} msgs in ${seconds(started)} secs)`;
}

class Matches extends RangeBuilder {
  count = 0;

  override add(number: number): void {
    super.add(number);
    this.count++;
  }
}

/** `* ESEARCH (TAG "a") UID COUNT 5 MIN 1 MAX 7 ALL 1:3,6:7`; nothing found leaves MIN, MAX and ALL out (RFC 4731 §3.1). */
function tellExtended(
  out: ResponseWriter,
  { ranges, count }: Matches,
  returns: ReadonlySet<SearchReturn>,
  tag: string,
  byUid: boolean,
): void {
  out.text(`* ESEARCH (TAG "${tag}")`);
  if (byUid) out.text(" UID");
  if (returns.has("COUNT")) out.text(" COUNT ").decimal(count);
  const first = ranges[0];
  const last = ranges.at(-1);
  if (first !== undefined && last !== undefined) {
    if (returns.has("MIN")) out.text(" MIN ").decimal(first.first);
    if (returns.has("MAX")) out.text(" MAX ").decimal(last.last);
    if (returns.has("ALL")) out.text(" ALL ").text(formatRanges(ranges));
  }
  out.crlf();
}

/** Search and its index. */
import { int, oneOf, string, toggle } from "./define.ts";

export const searchOptions = {
  defaultsearchtier: string("", {
    since: "3.0.0",
    areas: ["search"],
    help: "Xapian tier receiving new indexes (required for xapian)",
  }),
  search_attachment_extractor_url: string(undefined, {
    since: "3.3.1",
    areas: ["search"],
    help: "HTTP service turning attachments into text",
  }),
  search_batchsize: int(20, { since: "3.0.0", areas: ["search"], help: "Messages indexed per batch" }),
  search_engine: oneOf(["none", "squat", "xapian"], "none", {
    since: "3.1.2",
    areas: ["search"],
    help: "Index engine",
  }),
  search_fuzzy_always: toggle(false, { since: "3.1.5", areas: ["search", "imap"], help: "Treat all SEARCH as FUZZY" }),
  search_index_headers: toggle(true, { since: "3.0.0", areas: ["search"], help: "Index other headers too" }),
  search_index_language: toggle(false, { since: "3.3.1", areas: ["search"], help: "Stem by detected language" }),
  search_index_parts: toggle(false, {
    since: "3.2.1",
    areas: ["search"],
    help: "No effect",
    deprecated: { since: "3.2.1" },
  }),
  search_index_skip_domains: string(undefined, { since: "3.3.1", areas: ["search"], help: "Domains squatter skips" }),
  search_index_skip_users: string(undefined, { since: "3.3.1", areas: ["search"], help: "Users squatter skips" }),
  search_maxsize: int(4096, { since: "3.6.0", areas: ["search"], help: "KiB indexed per part" }),
  search_maxtime: string(undefined, {
    since: "3.0.0",
    areas: ["search"],
    help: "Seconds before a search aborts; unset unlimited",
  }),
  search_normalisation_max: int(1000, { since: "3.0.0", areas: ["search"], help: "Bound on expression normalisation" }),
  search_query_language: toggle(false, {
    since: "3.3.0",
    areas: ["search"],
    help: "No effect",
    deprecated: { since: "3.3.0" },
  }),
  search_queryscan: int(5000, {
    since: "3.1.7",
    areas: ["search", "conversations"],
    help: "Record count enabling full scan of G keys; 0 never scan",
  }),
  search_skipdiacrit: toggle(true, { since: "2.5.0", areas: ["search"], help: "Ignore diacritics" }),
  search_skiphtml: toggle(false, { since: "3.0.0", areas: ["search"], help: "Do not index HTML parts" }),
  search_snippet_length: int(255, { since: "3.0.0", areas: ["search"], help: "Bytes per snippet" }),
  search_stopword_path: string(undefined, { since: "3.1.7", areas: ["search"], help: "Base dir of stopword lists" }),
  search_whitespace: oneOf(["skip", "merge", "keep"], "merge", {
    since: "2.5.0",
    areas: ["search"],
    help: "Whitespace handling in matching",
  }),
};

/** Sessions of one user on mailboxes of another, over three shards. All transcripts: PASARGAD_TEST_SHARDS=3 node --test test/wire/imap.test.ts */
process.env["PASARGAD_TEST_SHARDS"] = "3";
process.env["WIRE"] ??= "parts-and-rights,updates";
await import("./imap.test.ts");

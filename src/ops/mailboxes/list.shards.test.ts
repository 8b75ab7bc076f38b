/** What list.test.ts tests, over three shards: their entries come as one list. */
process.env["PASARGAD_TEST_SHARDS"] = "3";
await import("./list.test.ts");

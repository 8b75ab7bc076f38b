/**
 * Suites that use the store run with as many shards as PASARGAD_TEST_SHARDS says, one without it: what clients and administrators see must be the same.
 */
const text = process.env["PASARGAD_TEST_SHARDS"] ?? "1";

export const testShards = Number(text);
if (!/^([1-9]|1[0-6])$/.test(text)) throw new Error(`PASARGAD_TEST_SHARDS: "${text}" is no number of shards`);

/** Lines of imapd.conf, with the number of shards in front of them unless they say one. */
export function shardLines(imapdConf: string): string {
  return testShards === 1 || /^store_shards:/m.test(imapdConf)
    ? imapdConf
    : `store_shards: ${testShards}\n${imapdConf}`;
}

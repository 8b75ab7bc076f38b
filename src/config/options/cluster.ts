/** Murder, proxies, replication. */
import { duration, int, listed, oneOf, string, toggle } from "./define.ts";

export const clusterOptions = {
  client_bind: toggle(false, {
    since: "3.0.0",
    areas: ["proxy"],
    help: "Bind outgoing server-to-server connections to a specific address",
  }),
  client_bind_name: string(undefined, {
    since: "3.0.0",
    areas: ["proxy"],
    help: "Address/hostname for client_bind; else servername",
  }),
  client_timeout: duration("10s", "s", { since: "3.1.8", areas: ["proxy"], help: "Connect timeout to backends" }),
  debug_writefail_guid: string(undefined, {
    since: "3.6.0",
    areas: ["sync", "debug"],
    help: "Test aid: uploads of this GUID fail as disk-full",
  }),
  defaultserver: string(undefined, {
    since: "2.3.17",
    areas: ["proxy", "murder"],
    help: "Backend for new mailboxes in a murder; else most free",
  }),
  force_sasl_client_mech: string(undefined, {
    since: "2.3.17",
    areas: ["proxy", "auth"],
    help: "Preferred SASL mech towards backends",
  }),
  mupdate_authname: string(undefined, { since: "2.3.17", areas: ["mupdate"], help: "SASL authname to mupdate server" }),
  mupdate_config: oneOf(["standard", "unified", "replicated"], "standard", {
    since: "2.3.17",
    areas: ["mupdate"],
    help: "Murder topology",
  }),
  mupdate_connections_max: int(128, {
    since: "2.3.17",
    areas: ["mupdate"],
    help: "Max connections per mupdate process",
  }),
  mupdate_password: string(undefined, { since: "2.3.17", areas: ["mupdate"], help: "Password to mupdate server" }),
  mupdate_port: int(3905, { since: "2.3.17", areas: ["mupdate"], help: "Mupdate server port" }),
  mupdate_realm: string(undefined, { since: "2.3.17", areas: ["mupdate"], help: "SASL realm to mupdate server" }),
  mupdate_retry_delay: int(20, { since: "2.3.17", areas: ["mupdate"], help: "Base reconnect delay seconds" }),
  mupdate_server: string(undefined, {
    since: "2.3.17",
    areas: ["mupdate"],
    help: "Mupdate master host; setting it turns murder on",
  }),
  mupdate_username: string("", { since: "2.3.17", areas: ["mupdate"], help: "SASL authzid to mupdate server" }),
  mupdate_workers_max: int(50, { since: "2.3.17", areas: ["mupdate"], help: "Max worker threads" }),
  mupdate_workers_maxspare: int(10, { since: "2.3.17", areas: ["mupdate"], help: "Max idle workers" }),
  mupdate_workers_minspare: int(2, { since: "2.3.17", areas: ["mupdate"], help: "Min idle workers" }),
  mupdate_workers_start: int(5, { since: "2.3.17", areas: ["mupdate"], help: "Workers at start" }),
  proxy_authname: string("proxy", { since: "2.3.17", areas: ["proxy"], help: "Authname to backends" }),
  proxy_compress: toggle(false, { since: "2.3.17", areas: ["proxy"], help: "Use COMPRESS to backends" }),
  proxy_password: string(undefined, { since: "2.3.17", areas: ["proxy"], help: "Password to backends" }),
  proxy_realm: string(undefined, { since: "2.3.17", areas: ["proxy"], help: "Realm to backends" }),
  proxyd_allow_status_referral: toggle(false, {
    since: "2.3.17",
    areas: ["proxy", "imap"],
    help: "Referral for STATUS",
  }),
  proxyd_disable_mailbox_referrals: toggle(false, {
    since: "2.3.17",
    areas: ["proxy", "imap"],
    help: "Never send mailbox referrals",
  }),
  serverlist: string(undefined, { since: "2.3.17", areas: ["murder"], help: "Backend names considered for CREATE" }),
  serverlist_select_mode: listed(
    [
      "random",
      "freespace-most",
      "freespace-percent-most",
      "freespace-percent-weighted",
      "freespace-percent-weighted-delta",
    ],
    "freespace-most",
    { since: "2.5.0", areas: ["murder"], help: "Backend choice strategy" },
  ),
  serverlist_select_soft_usage_limit: int(0, {
    since: "2.5.0",
    areas: ["murder"],
    help: "Percent usage above which backend avoided",
  }),
  serverlist_select_usage_reinit: int(0, { since: "2.5.0", areas: ["murder"], help: "Operations before refresh" }),
  sync_authname: string(undefined, {
    since: "2.5.0",
    areas: ["sync"],
    help: "Authname to replica (channel-prefixable)",
  }),
  sync_batchsize: int(8192, { since: "3.0.0", areas: ["sync"], help: "Messages per replication upload" }),
  sync_host: string(undefined, { since: "2.5.0", areas: ["sync"], help: "Replica host (channel-prefixable)" }),
  sync_log: toggle(false, {
    since: "2.3.17",
    areas: ["sync", "log"],
    help: "Write replication logs under configdirectory/sync",
  }),
  sync_log_chain: toggle(false, { since: "2.4.0", areas: ["sync"], help: "sync_server also logs (chained replicas)" }),
  sync_log_channels: string(undefined, {
    since: "2.5.0",
    areas: ["sync", "search"],
    help: 'Channels to log to; "" is the default one',
  }),
  sync_log_unsuppressable_channels: string("squatter", {
    since: "2.5.0",
    areas: ["sync", "search"],
    help: "Channels logged even without sync_log_chain",
  }),
  sync_password: string(undefined, {
    since: "2.5.0",
    areas: ["sync"],
    help: "Password to replica (channel-prefixable)",
  }),
  sync_port: string(undefined, { since: "3.0.0", areas: ["sync"], help: "Service/port (channel-prefixable)" }),
  sync_realm: string(undefined, { since: "2.5.0", areas: ["sync"], help: "Realm (channel-prefixable)" }),
  sync_reconnect_maxwait: duration("20m", "s", {
    since: "3.6.0",
    areas: ["sync"],
    help: "Upper bound of rolling reconnect backoff; <=0 none",
  }),
  sync_repeat_interval: duration("1s", "s", {
    since: "3.1.8",
    areas: ["sync"],
    help: "Min gap between rolling runs (channel-prefixable)",
  }),
  sync_rightnow_channel: string(undefined, {
    since: "3.3.1",
    areas: ["sync"],
    help: "Replicate synchronously to this channel",
  }),
  sync_shutdown_file: string(undefined, {
    since: "2.5.0",
    areas: ["sync"],
    help: "File whose presence stops sync_client (channel-prefixable)",
  }),
  sync_timeout: duration("30m", "s", {
    since: "3.1.8",
    areas: ["sync", "backup"],
    help: "Peer response timeout, min 3s",
  }),
  sync_try_imap: toggle(true, { since: "3.0.0", areas: ["sync"], help: "Try IMAP before csync (channel-prefixable)" }),
};

/** Certificates, protocol versions, session cache. */
import { duration, listed, oneOf, renamed, string, toggle } from "./define.ts";

export const tlsOptions = {
  tls_ca_file: renamed(
    "tls_client_ca_file",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["tls"], help: "Old name of tls_client_ca_file" }),
  ),
  tls_ca_path: renamed(
    "tls_client_ca_dir",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["tls"], help: "Old name of tls_client_ca_dir" }),
  ),
  tls_cert_file: renamed(
    "tls_server_cert",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["tls"], help: "Old name of tls_server_cert" }),
  ),
  tls_cipher_list: renamed(
    "tls_ciphers",
    "2.5.0",
    string("DEFAULT", { since: "2.5.0", areas: ["tls"], help: "Old name of tls_ciphers" }),
  ),
  tls_ciphers: string("DEFAULT", { since: "2.5.0", areas: ["tls"], help: "OpenSSL cipher list" }),
  tls_client_ca_dir: string(undefined, {
    since: "2.5.0",
    areas: ["tls"],
    help: "CA dir verifying client certificates",
  }),
  tls_client_ca_file: string(undefined, {
    since: "2.5.0",
    areas: ["tls"],
    help: "CA file verifying client certificates",
  }),
  tls_client_cert: string(undefined, {
    since: "2.5.0",
    areas: ["tls", "proxy"],
    help: 'Certificate presented to other servers; "disabled"',
  }),
  tls_client_certs: oneOf(["off", "optional", "require"], "optional", {
    since: "2.5.0",
    areas: ["tls"],
    help: "Client certificate policy",
  }),
  tls_client_key: string(undefined, {
    since: "2.5.0",
    areas: ["tls", "proxy"],
    help: 'Key for tls_client_cert; "disabled"',
  }),
  tls_crl_file: string(undefined, { since: "3.1.2", areas: ["tls"], help: "Certificate revocation list file" }),
  tls_eccurve: string("prime256v1", { since: "2.5.0", areas: ["tls"], help: "ECDHE curve" }),
  tls_key_file: renamed(
    "tls_server_key",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["tls"], help: "Old name of tls_server_key" }),
  ),
  tls_prefer_server_ciphers: toggle(false, { since: "2.5.0", areas: ["tls"], help: "Server cipher order wins" }),
  tls_required: toggle(false, { since: "3.0.0", areas: ["tls", "auth"], help: "No auth mechanisms before TLS" }),
  tls_server_ca_dir: string(undefined, {
    since: "2.5.0",
    areas: ["tls", "proxy"],
    help: "CA dir verifying remote servers",
  }),
  tls_server_ca_file: string(undefined, {
    since: "2.5.0",
    areas: ["tls", "proxy"],
    help: "CA file verifying remote servers",
  }),
  tls_server_cert: string(undefined, {
    since: "3.1.8",
    areas: ["tls"],
    help: "Server certificate chain; up to two, comma no space",
  }),
  tls_server_dhparam: string(undefined, { since: "3.1.4", areas: ["tls"], help: "DH parameters file" }),
  tls_server_key: string(undefined, {
    since: "3.1.8",
    areas: ["tls"],
    help: "Server key(s); else inside tls_server_cert",
  }),
  tls_session_timeout: duration("24h", "m", {
    since: "3.1.8",
    areas: ["tls"],
    help: "Session cache lifetime, max 24h; 0 off",
  }),
  tls_sessions_db: listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
    since: "3.1.6",
    areas: ["tls", "db"],
    help: "Backend format of tls_sessions.db",
  }),
  tls_sessions_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["tls", "db"],
    help: "TLS session cache; else configdirectory/tls_sessions.db",
  }),
  tls_versions: string("tls1_0 tls1_1 tls1_2 tls1_3", {
    since: "3.1.8",
    areas: ["tls"],
    help: "Protocol versions left enabled",
  }),
  tlscache_db: renamed(
    "tls_sessions_db",
    "2.5.0",
    listed(["skiplist", "sql", "twoskip", "zeroskip"], "twoskip", {
      since: "2.5.0",
      areas: ["tls", "db"],
      help: "Old name of tls_sessions_db",
    }),
  ),
  tlscache_db_path: renamed(
    "tls_sessions_db_path",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["tls", "db"], help: "Old name of tls_sessions_db_path" }),
  ),
};

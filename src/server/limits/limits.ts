/** Limits every server process keeps, whatever its protocol. Each is a named constant with its reason. */

/** Time from accept to a successful login. Longer than any client needs, short enough that silent connections go. */
export const loginTimeoutMs = 60_000;
/** A TLS handshake that takes longer is a stalled or hostile peer. */
export const tlsHandshakeTimeoutMs = 30_000;
/** Longest line accepted before login. AUTHENTICATE with an initial response fits; mail data does not belong here. */
export const preLoginLineOctets = 8_192;
/** Largest literal accepted before login: LOGIN with literal arguments fits. */
export const preLoginLiteralOctets = 4_096;
/** Commands a client may send before it has logged in. */
export const preLoginCommands = 20;
/** Octets a client may send ahead before it has logged in, while a command of its waits (for the pause after a failed login, say). */
export const preLoginAheadOctets = 16_384;

/** Connections of one address (IPv6: of one /64 network) that have not logged in. One more ends the oldest of them, so a newcomer can always log in. */
export const preLoginConnectionsPerAddress = 256;
/** The same over all addresses of a worker: bounds memory (a TLS connection costs about 50 KiB). */
export const preLoginConnections = 4_096;
/** Output the runtime holds for a client that does not read, before it ends the connection. Replies wait for `writable` far below it. */
export const outputLimitOctets = 8 * 1024 * 1024;
/** After our side has said its last word: how long a client may read nothing before the connection is cut. */
export const lingerMs = 10_000;
/** A client that has not read any of the octets waiting for it for this long is gone or hostile. */
export const stalledOutputMs = 300_000;
/** After SIGTERM: time for sessions to finish the command at hand and say goodbye; then connections are destroyed. */
export const shutdownGraceMs = 5_000;
/** A retiring process ends its idle sessions evenly over this time: nobody waits long for new certificates, no stampede. */
export const retireSpreadMs = 300_000;
/** PROXY protocol header: version 1 is at most 107 octets, version 2 is 16 + length; more than this is refused. */
export const proxyHeaderOctets = 4_096;
/** A PROXY header must come at once: the proxy sends it before anything else. */
export const proxyHeaderTimeoutMs = 10_000;
/** File descriptors a worker keeps for databases, message files, logs and the store's socket. */
export const reservedDescriptors = 128;
/** A worker above this resident size retires and a new one takes over. */
export const workerMemoryLimitOctets = 1_536 * 1024 * 1024;
/** How often a worker looks whether it should retire (memory, program file). */
export const retireCheckMs = 15_000;
/** Longest base64 line of a SASL exchange (RFC 4422 sets none): a line before login like any other. PLAIN's fields need half. */
export const saslLineOctets = preLoginLineOctets;
/** Longest authcid, authzid or password taken. */
export const saslFieldOctets = 1_024;
/** Listen backlog when master gave none. */
export const listenBacklog = 512;

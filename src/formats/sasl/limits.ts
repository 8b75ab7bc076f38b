/** Longest message of a SASL exchange we take, decoded. Our mechanisms need a few hundred octets. */
export const maxMessageOctets = 12_288;
/** Longest authcid, authzid or password. Cyrus userids end at 80 characters; passwords and realms get room. */
export const maxFieldOctets = 1_024;
/** Iteration counts accepted from stored verifiers: above, a login would be a denial of service against ourselves. */
export const maxIterations = 10_000_000;
/** RFC 5802 §5.1: at least this many. */
export const minIterations = 4_096;

/** Every limit of the LMTP syntax, with its reason. */

/** Longest command line with its line end. RFC 5321 §4.5.3.1.4 wants 512, parameters and SASL responses add to it; strangers get no more. */
export const MAX_LINE_OCTETS = 8_192;
/** Longest path between "<" and ">" (RFC 5321 §4.5.3.1.3 wants 256; routes make it longer). */
export const MAX_PATH_OCTETS = 1_024;
/** Parameters of one MAIL or RCPT; there are three that mean something. */
export const MAX_PARAMETERS = 32;
/** Longest argument of LHLO that is kept: it goes into every message's Received field. */
export const MAX_LHLO_OCTETS = 255;
